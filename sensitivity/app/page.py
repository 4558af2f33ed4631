"""The page of one visitor, sent while its process starts."""

from __future__ import annotations

import asyncio
from logging import CRITICAL, Logger
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated
from voila.handler import VoilaHandler
from voila.notebook_renderer import NotebookRenderer
from voila.utils import get_page_config

from sensitivity.app.auth import is_speculative


class Page(VoilaHandler):
    """Send the page, and end its process if the visitor leaves meanwhile."""

    _loading: asyncio.Task[Any] | None = None
    _renderer: NotebookRenderer | None = None

    @authenticated
    async def get(self, path: str = "") -> None:
        """Send the page in parts, as they become known."""
        if path:
            raise HTTPError(404)
        if is_speculative(self.request):
            raise HTTPError(403, "The explorer starts when its page is opened, not before.")
        self._loading = asyncio.current_task()
        try:
            await self._send()
        except (asyncio.CancelledError, StreamClosedError):  # the visitor has left
            pass
        finally:
            self._loading = None

    def on_connection_close(self) -> None:
        """Stop what is done for a visitor who has left."""
        super().on_connection_close()
        if self._renderer is not None:  # it would log that the notebook cannot be executed
            self._renderer.log = Logger("left", CRITICAL)
        if self._loading is not None:
            self._loading.cancel()

    async def _send(self) -> None:
        self.xsrf_token  # noqa: B018 (sets the cookie that the page needs to end its process)
        self.set_header("Content-Type", "text/html")
        self.set_header("Cache-Control", "no-store")
        renderer = self._renderer = self._make_renderer()
        await renderer.initialize()
        kernel = await self.kernel_manager.start_kernel()
        try:
            manager = self.kernel_manager.get_kernel(kernel)
            async for part, _ in renderer.generate_content_generator(kernel, manager):
                self.write(part)
                await self.flush()
        except BaseException:
            self._loading = None  # so that the end is not cancelled
            await self.kernel_manager.end(kernel)
            raise
        self.kernel_manager.expect(kernel)

    def _make_renderer(self) -> NotebookRenderer:
        known = {"base_url": self.base_url, "voila_configuration": self.voila_configuration}
        return NotebookRenderer(
            **known,
            request_handler=self,
            traitlet_config=self.traitlet_config,
            notebook_path=self.notebook_path,
            template_paths=self.template_paths,
            config_manager=self.config_manager,
            contents_manager=self.contents_manager,
            kernel_spec_manager=self.kernel_spec_manager,
            prelaunch_hook=None,
            page_config=get_page_config(settings=self.settings, log=self.log, **known),
            mathjax_config=self.settings["mathjax_config"],
            mathjax_url=self.settings["mathjax_url"],
        )
