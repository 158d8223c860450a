"""`python -m dataengine`: the command."""

from dataengine.cli import main

if __name__ == "__main__":
    main()
