"""Build the 14M set: COCO, Visual Genome, SBU, CC3M and CC12M, from annotation files to training shards and a report.

ray job submit --working-dir . -- python jobs/build_14m.py --root /data/14m --annotations /data/annotations
python jobs/build_14m.py --root out --annotations annotations --limit 1000     # an embedded Ray, a small run
"""

from dataengine.cli.app import run
from dataengine.cli.build import create_job

if __name__ == "__main__":
    run(create_job("build_14m", "coco,vg,sbu,cc3m,cc12m"))
