"""Headless Chromium, driven through chromedriver's WebDriver interface (https://www.w3.org/TR/webdriver2) by urllib."""

import base64
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run",
    "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--force-prefers-reduced-motion",
    "--window-size=1200,900",
)  # fmt: skip
KEYS = {"enter": "\ue007", "space": "\ue00d", "tab": "\ue004"}


class Browser:
    """One window; `open` a page, then ask it by JavaScript, click and type."""

    def __init__(self, chromium, driver):
        self._driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        port = next(
            found[1] for line in self._driver.stdout if (found := re.search(r"successfully on port (\d+)", line))
        )
        self._url = f"http://127.0.0.1:{port}/session"
        self._web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        options = {"binary": chromium, "args": list(_FLAGS)}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logs}}
        self._url += f"/{self._ask('POST', '', capabilities=wanted)['sessionId']}"

    def close(self):
        self._ask("DELETE", "")
        self._driver.terminate()
        self._driver.communicate(timeout=10)

    def open(self, page, fragment=""):
        """Open a file; what was logged before is forgotten."""
        self._ask("POST", "/url", url="about:blank")
        self.requests()
        self.console()
        self._ask("POST", "/url", url=page.resolve().as_uri() + fragment)

    def run(self, script, *arguments):
        """Value that a script returns."""
        return self._ask("POST", "/execute/sync", script=script, args=list(arguments))

    def wait(self, script, *arguments):
        """Value that a script hands to its last argument, a function."""
        return self._ask("POST", "/execute/async", script=script, args=list(arguments))

    def click(self, selector):
        self._ask("POST", f"/element/{self._find(selector)}/click")

    def type(self, *keys):
        """Press keys, wherever the focus is; names of KEYS, or characters."""
        downs = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": downs}])

    def requests(self):
        """Addresses that were asked for since the page was opened, but for what lies in the page itself."""
        messages = [json.loads(each["message"])["message"] for each in self._log("performance")]
        asked = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        urls = [each["request"]["url"] for each in asked]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def console(self):
        """What the page complained of since it was opened."""
        return [each["message"] for each in self._log("browser") if each["level"] in ("SEVERE", "WARNING")]

    def download_to(self, folder):
        self.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def devtools(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def screenshot(self):
        """PNG of the window."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def _find(self, selector):
        return self._ask("POST", "/element", using="css selector", value=selector)[_ELEMENT]

    def _log(self, kind):
        return self._ask("POST", "/se/log", type=kind)

    def _ask(self, method, path, **content):
        body = json.dumps(content).encode() if method == "POST" else None
        request = urllib.request.Request(self._url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with self._web.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error


@pytest.fixture(scope="module")
def browser():
    """A browser for the tests of a file."""
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    found = Browser(chromium, driver)
    yield found
    found.close()
