"""`footsteps serve`: the process of the web application.

Belongs here: where it listens, where its log goes.
Does not belong here: the application (`app`), the options of the command (`assets.cli`).
"""

import logging
import sys

import uvicorn
from starlette.applications import Starlette


def run_server(app: Starlette, host: str, port: int) -> None:
    """Serve until the process is ended; the log goes to standard error.

    Args:
        app: The application.
        host: Address to listen at.
        port: Port to listen at.
    """
    log_handler = logging.StreamHandler(sys.stderr)
    log_handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log_handler], force=True)
    # uvicorn's own access log has addresses and queries; the application writes another
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, proxy_headers=False, log_config=None)
