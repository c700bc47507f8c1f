"""`footsteps serve`: the process of the web application.

Belongs here: when it may start, where it listens, where its log goes.
Does not belong here: the application (`app`), the options of the command (`assets.cli`).
"""

import logging
import os
import sys
from pathlib import Path

import uvicorn

from assets.web.app import create_app
from pipelines.config.company import Config
from pipelines.config.settings import Settings


def serve(settings: Settings, config: Config, landing_folder: Path, host: str, port: int) -> None:
    """Serve until the process is ended.

    Args:
        settings: Folders of the data root.
        config: The content of footsteps.yaml.
        landing_folder: The landing folder.
        host: Address to listen at.
        port: Port to listen at.

    Raises:
        ServeRefused: No way of identity is configured, or a secret is missing.
    """
    app = create_app(settings, config, landing_folder, os.environ)
    log_handler = logging.StreamHandler(sys.stderr)
    log_handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log_handler], force=True)
    # uvicorn's own access log has addresses and queries; the application writes another
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, proxy_headers=False, log_config=None)
