"""The pages in a real browser: accessible at phone width and in dark mode, and answered by the keyboard alone."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from served_company import make_app, make_company, sign_in


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the small company."""
    app = make_app(make_company(tmp_path_factory.mktemp("browsed")))
    server = uvicorn.Server(uvicorn.Config(app, port=0, access_log=False, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_pages_with_forms_fit_the_screen_and_are_accessible(
    address: str, browser: Any, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    # the pages run no script themselves; the checker's own must get past their policy
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        bypass_csp=True,
        extra_http_headers=sign_in("E5"),
    )
    page = context.new_page()
    for path in ("/people/me/", "/index.html", "/run.html"):
        page.goto(address + path)
        page.eval_on_selector_all("details", "list => list.forEach(entry => entry.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        violations = axe.Axe().run(page).response["violations"]
        assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in violations] == [], (
            path
        )
    context.close()


def test_a_person_answers_by_the_keyboard_alone(address: str, browser: Any) -> None:
    context = browser.new_context(extra_http_headers=sign_in("E1"), java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/people/me/")
    page.locator("#step-1 summary").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/me/#pending")
    assert "You accepted “Query 1”." in page.locator("section[aria-labelledby=pending]").inner_text()
    context.close()
