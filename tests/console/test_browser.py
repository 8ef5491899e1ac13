"""The pages in a real browser: Chromium without a window, over HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from tests.console.browser import CHROMIUM, Page, a_page
from tests.console.conftest import Site
from tests.console.library import CITY, a_library

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(CHROMIUM is None, reason="the Debian package chromium is not installed"),
]

START_SECONDS_MAX = 20.0
PAINTED = """
[...document.querySelectorAll('[data-chart] canvas')].filter((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value) => value !== 0);
}).length
"""


class Serving(uvicorn.Server):
    """A server that says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
async def address(site: Site) -> AsyncIterator[str]:
    """Serve the site on a port of its own."""
    config = uvicorn.Config(site.app, port=0, log_level="critical", lifespan="off")
    server = Serving(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(START_SECONDS_MAX):
        await server.ready.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    async with a_page() as page:
        await page.screen(width=1280, height=900)
        yield page
        elsewhere = [url for url in page.requests if not url.startswith((address, "about:"))]
        assert elsewhere == []
        assert page.complaints == []


async def test_a_reader_finds_a_subject_and_unfolds_its_edges(
    site: Site, address: str, page: Page
) -> None:
    await a_library(site.database)
    await page.open(f"{address}/reports?lang=en")
    await page.evaluate(
        "const field = document.querySelector('[name=q]'); field.value = '北京';"
        "field.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    await page.until("document.querySelectorAll('.subject-card').length === 1")
    assert "Beijing" in await page.evaluate("document.querySelector('#found').innerText")
    assert "%E5%8C%97" in await page.evaluate("location.search")

    await page.open(f"{address}/reports/subjects/{CITY}?lang=en")
    await page.until("document.querySelectorAll('[data-drawn]').length === 3")
    assert await page.evaluate(PAINTED) == 3
    await page.evaluate("document.querySelector('.claim details').open = true")
    await page.until("document.querySelector('.claim .edges .reason')")
    assert "about 190 allows 183" in await page.evaluate(
        "document.querySelector('.claim .edges').innerText"
    )
    listed = "document.querySelectorAll('#claims-registered_models > li').length"
    before = await page.evaluate(listed)
    await page.evaluate("document.querySelector('.left .more a').click()")
    await page.until(f"{listed} === 8")
    assert before == 5


async def test_the_language_switches_and_small_and_dark_screens_hold_the_page(
    site: Site, address: str, page: Page
) -> None:
    await a_library(site.database)
    await page.open(f"{address}/reports/subjects/{CITY}")
    await page.evaluate("document.querySelector('.languages [lang=zh]').click()")
    await page.until("document.documentElement.lang === 'zh' && document.querySelector('h1')")
    assert await page.evaluate("document.querySelector('h1').textContent") == "北京"
    await page.screen(width=360, height=800, dark=True)
    await page.open(f"{address}/reports/subjects/{CITY}?lang=ru")
    await page.until("document.querySelectorAll('[data-drawn]').length === 3")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (
        await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 24)"
    )


async def test_a_page_is_whole_without_scripts(site: Site, address: str, page: Page) -> None:
    await a_library(site.database)
    await page.send("Emulation.setScriptExecutionDisabled", value=True)
    await page.open(f"{address}/reports/subjects/{CITY}?lang=en")
    page.requests.clear()
    tree = await page.send("DOM.getDocument", depth=-1)
    assert "registered_models" in str(tree)
    assert "As a table" in str(tree)
