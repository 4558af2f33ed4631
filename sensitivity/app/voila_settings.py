"""Settings of Voila and its parts; those of the user's own Jupyter are not read."""

from __future__ import annotations

import logging

from traitlets.config import Config

from sensitivity.app.kernels import Kernel, Kernels, OneProgram
from sensitivity.app.server_limits import ServerLimit
from sensitivity.app.websocket import Connection
from sensitivity.limits import Limit

# The browser is told to fetch nothing from elsewhere, whatever a library or a visitor's file asks
# for. NGL is told what to draw in JavaScript, hence 'unsafe-eval'; Voila writes scripts into pages.
SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def settings() -> Config:
    """Return the settings, which let a visitor use the controls of the explorer, and nothing else.

    Code of a visitor is never run: only the messages of widgets are passed on.
    """
    config = Config()
    config.Voila.log_level = logging.ERROR
    config.Voila.config_file_paths = []
    config.Voila.kernel_websocket_connection_class = Connection
    config.Voila.tornado_settings = {
        "headers": {
            "Content-Security-Policy": "; ".join(map(" ".join, SOURCES.items())),
            "Referrer-Policy": "no-referrer",  # the address has the token in it
        },
        "websocket_max_message_size": ServerLimit.MESSAGE,
        "allow_remote_access": False,  # a request for another machine's name is refused
        "xsrf_cookie_kwargs": {"samesite": "Strict"},
    }
    config.IdentityProvider.cookie_options = {"samesite": "Strict"}
    page = config.VoilaConfiguration
    page.update(template="lab", theme="light", strip_sources=True, show_tracebacks=False)
    page.update(allow_template_override="NO", allow_theme_override="NO")
    extensions = [  # of JupyterLab; others may load from elsewhere
        "@jupyter-widgets/jupyterlab-manager",
        "@voila-dashboards/widgets-manager8",
        "jupyter-matplotlib",
        "nglview-js-widgets",
    ]
    page.update(file_allowlist=[], extension_allowlist=extensions)
    page.update(multi_kernel_manager_class=Kernels, kernel_spec_manager_class=OneProgram)
    page.update(resources={"upload_limit": Limit.UPLOAD})
    sentence = "The error is shown in the terminal where 'sensitivity app' runs."
    config.VoilaExecutor.cell_error_instruction = sentence
    kernels = config.MappingKernelManager
    kernels.update(kernel_manager_class=f"{Kernel.__module__}.{Kernel.__name__}")
    kernels.update(cull_idle_timeout=ServerLimit.PATIENCE, cull_interval=ServerLimit.ROUND)
    # A page that comes back asks for the state of all widgets; what it missed would be kept
    # without a limit.
    kernels.update(buffer_offline_messages=False)
    # A process that has ended is not started again: the page would not know what it had shown.
    config.KernelRestarter.restart_limit = 0
    return config
