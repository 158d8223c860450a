"""The demo: photographs that come inside packages, our words about them, and a local picture server."""
