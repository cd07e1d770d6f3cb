"""dlt's REST source to CSV or Parquet files. Needs `pip install 'dlt[parquet]'`. `URL csv|parquet`"""

from __future__ import annotations

import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, form: str) -> None:
    source = rest_api_source(
        {
            "client": {"base_url": url + "/v3/"},
            "resources": [
                {
                    "name": "contacts",
                    "endpoint": {
                        "path": "contacts",
                        "data_selector": "items",
                        "paginator": {
                            "type": "offset",
                            "limit": 1000,
                            "limit_param": "top",
                            "offset_param": "skip",
                            "total_path": "totalCount",
                        },
                    },
                }
            ],
        }
    )
    folder = dlt.destinations.filesystem("file:///" + sys.argv[3] if len(sys.argv) > 3 else "dlt-out")
    pipeline = dlt.pipeline("bench_export", destination=folder, dev_mode=True, pipelines_dir="dlt-pipelines")
    pipeline.run(source, loader_file_format=form)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:3])
