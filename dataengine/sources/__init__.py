"""The sources by name. Adding one is a file here and a line below."""

from __future__ import annotations

from dataengine.registry import Registry
from dataengine.sources.base import Source, SourceOptions

__all__ = ["SOURCES", "Source", "SourceOptions"]

SOURCES = Registry(
    "source",
    {
        "coco": "dataengine.sources.coco:CocoSource",
        "vg": "dataengine.sources.visual_genome:VisualGenomeSource",
        "sbu": "dataengine.sources.sbu:SbuSource",
        "cc3m": "dataengine.sources.conceptual_captions:Cc3mSource",
        "cc12m": "dataengine.sources.conceptual_captions:Cc12mSource",
        "url_list": "dataengine.sources.url_list:UrlListSource",
        "webdataset": "dataengine.sources.webdataset_shards:WebdatasetSource",
        "folder": "dataengine.sources.image_folder:ImageFolderSource",
        "ram_json": "dataengine.sources.ram_json:RamJsonSource",
    },
)
"""In order of precedence: an image that stands in two sources keeps the earlier one's uid."""
