"""Build the 4M set: COCO, Visual Genome, SBU and CC3M, from annotation files to training shards and a report.

ray job submit --working-dir . -- python jobs/build_4m.py --root /data/4m --annotations /data/annotations
"""

from dataengine.cli.app import run
from dataengine.cli.build import create_job

if __name__ == "__main__":
    run(create_job("build_4m", "coco,vg,sbu,cc3m"))
