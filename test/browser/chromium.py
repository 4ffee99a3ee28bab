"""Drive a headless Chromium by the DevTools protocol."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import json
from pathlib import Path
import shutil
import subprocess
import time
from typing import Any
from urllib.request import urlopen

import cv2
import numpy as np

NAMES = 'chromium', 'chromium-browser', 'google-chrome'
# WebGL without a GPU; no sandbox, for tests run as root in containers; only this machine
FLAGS = ('--headless=new', '--no-sandbox', '--use-angle=swiftshader',
         '--enable-unsafe-swiftshader', '--hide-scrollbars', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--mute-audio',
         '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1', '--remote-debugging-port=0')
WAIT_S = 120.0


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def wait_for(condition: Callable[[], Any], what: str,
             wait_s: float = WAIT_S) -> Any:  # noqa: ANN401
    """Ask again and again until the answer is true; returns it."""
    end_s = time.monotonic() + wait_s
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f'waited {wait_s} s for {what}')


class Page:
    """A page of a browser; keeps the addresses of all that it asks for."""

    def __init__(self, websocket: Any) -> None:  # noqa: ANN401 - of websockets, an extra
        self._websocket, self._number = websocket, 0
        self.requested: list[str] = []
        for domain in ('Page', 'Network', 'Runtime'):
            self.call(f'{domain}.enable')

    def call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Call a method of the protocol; returns its result."""
        self._number += 1
        self._websocket.send(json.dumps({'id': self._number, 'method': method, 'params': params}))
        while True:
            message = json.loads(self._websocket.recv(timeout=WAIT_S))
            if message.get('method') == 'Network.requestWillBeSent':
                self.requested.append(message['params']['request']['url'])
            if message.get('id') == self._number:
                assert 'error' not in message, message
                return message['result']

    def evaluate(self, script: str) -> Any:  # noqa: ANN401
        """Return the value of a JavaScript expression."""
        return self.call('Runtime.evaluate', expression=script, returnByValue=True)['result'].get(
            'value')

    def text(self) -> str:
        """Return the text that the page shows."""
        return self.evaluate('document.body ? document.body.innerText : ""') or ''

    def screenshot(self, file: Path | None = None) -> np.ndarray:
        """Return the page's picture, (H, W, 3) RGB, and keep it in a file."""
        data = base64.b64decode(self.call('Page.captureScreenshot', format='png')['data'])
        if file:
            file.write_bytes(data)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def wait_for_image(self, width: int) -> None:
        """Wait until the page shows an image of this width, pixels."""
        wait_for(lambda: self.evaluate('[...document.images].some(image => '
                                       f'image.naturalWidth == {width})'), 'the image')

    def click(self, x: float, y: float) -> None:
        """Click with the mouse, at pixels from the upper left corner."""
        for kind, buttons in (('mouseMoved', 0), ('mousePressed', 1), ('mouseReleased', 0)):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, buttons=buttons,
                      button='none' if kind == 'mouseMoved' else 'left', clickCount=1)
            time.sleep(0.3)

    def switch(self, label: str) -> None:
        """Click the check box with this label."""
        done = self.evaluate(
            '(() => { const label = [...document.querySelectorAll("label")].find('
            f'each => each.innerText.trim() === {json.dumps(label)});'
            'const box = document.getElementById(label.htmlFor) || label.closest("div")'
            '.parentElement.querySelector("input[type=checkbox]"); box.click(); return true; })()')
        assert done, label


@contextmanager
def open_page(address: str, profile: Path, size: tuple[int, int] = (1280, 800)) -> Iterator[Page]:
    """
    Open an address in a browser of its own.

    :param profile: a new folder for the browser's files.
    :param size: of the window, pixels.
    """
    from websockets.sync.client import connect
    binary = find_chromium()
    assert binary
    profile.mkdir(exist_ok=True)
    with (profile / 'log').open('w') as log:
        browser = subprocess.Popen(
            [binary, *FLAGS, f'--user-data-dir={profile}', f'--window-size={size[0]},{size[1]}',
             'about:blank'], stdout=log, stderr=log)
    try:
        port_file = profile / 'DevToolsActivePort'
        port = int(wait_for(lambda: port_file.is_file() and port_file.read_text().split(),
                            'the browser')[0])
        with urlopen(f'http://127.0.0.1:{port}/json', timeout=WAIT_S) as answer:
            target = next(page for page in json.load(answer) if page['type'] == 'page')
        with connect(target['webSocketDebuggerUrl'], max_size=None) as websocket:
            page = Page(websocket)
            page.call('Emulation.setDeviceMetricsOverride', width=size[0], height=size[1],
                      deviceScaleFactor=1, mobile=False)
            page.call('Page.navigate', url=address)
            yield page
    finally:
        browser.terminate()
        try:
            browser.wait(20)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait(20)
