"""`serve`, as a user starts it, without an engine: what it says, where it keeps things, and its end."""

import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from mirrorplane.cli.outcome import WrongUsageError
from mirrorplane.cli.serve import place
from tests.cli.commands import mirrorplane, refusal

LONGEST = 60.0
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
CONFIGURATION = """
interfaces:
  eni-a: {addresses: [10.0.0.1], device: a0}
  eni-b: {addresses: [10.0.0.2]}
filters: {tmf-a: {}}
sessions: {tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a}}
api:
  access_keys: [{id: AKTEST, secret: "very&secret"}]
  state: state/here.db
"""


class Serving:
    """A server in *folder*; `said` are its lines on stderr, `shown` is its standard output."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "mirrorplane", "serve", "--engine", "none", *arguments]
        if "--listen" not in arguments:
            command += ["--listen", "127.0.0.1:0"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)
        self.said: list[str] = []
        self._reader = Thread(target=self._read)
        self._reader.start()
        self.await_line("ready")
        self.address = re.findall(r"http://(\S+)/", self.await_line("listening on"))[0]

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(line.rstrip("\n") for line in self.process.stderr)

    def await_line(self, part: str) -> str:
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline and self.process.poll() is None:
            found = next((line for line in list(self.said) if part in line), None)
            if found is not None:
                return found
            time.sleep(0.01)
        raise AssertionError(self.said)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """End it; return what it printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=5)
        self._reader.join()
        assert self.process.returncode == 0, self.said
        assert "Traceback" not in "\n".join(self.said)
        return output


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Serving]:
    server = Serving(folder, *arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    found = tmp_path / "c.yaml"
    found.write_text(CONFIGURATION)
    found.chmod(0o600)
    return found


def fetch(server: Serving, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.address, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_file_it_makes_what_it_needs_for_its_owner_alone(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as server:
        places = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert {"mirrorplane.db", "mirrorplane.db.key", "mirrorplane.db.sock"} <= set(places)
        assert set(places.values()) == {0o600}
        secret = json.loads((tmp_path / "mirrorplane.db.key").read_text())["secret"]
        printed = server.stop(number)
    assert not (tmp_path / "mirrorplane.db.sock").exists()
    assert secret not in printed + "".join(server.said)
    with serving(tmp_path) as again:
        assert secret in (tmp_path / "mirrorplane.db.key").read_text()
        again.stop()


def test_the_lines_that_it_prints_work(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        time.sleep(0.1)
        assert server.process.stdout is not None
        os.set_blocking(server.process.stdout.fileno(), False)
        examples = [text for text in server.process.stdout.read().split("\n\n") if text.strip()]
        assert len(examples) == 3
        environment = {name: value for name, value in os.environ.items() if name not in PROXIES}
        for example in examples:
            command = [sys.executable, "-W", "ignore", "-c", example]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert re.search(r"traffic_?mirror_?(sessions|targets)", done.stdout, re.IGNORECASE)
        server.stop()


def test_a_file_says_keys_and_where_the_state_is(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serving(elsewhere, str(path)) as server:
        assert (path.parent / "state" / "here.db").exists()
        assert not list(elsewhere.iterdir())
        line = server.await_line("access key")
        assert f"access key AKTEST, its secret in {path}; state in {path.parent}/state/here.db" in line
        server.await_line("its sessions are for run and replay")
        assert not any("others can" in line for line in server.said)
        printed = server.stop()
    assert "very&secret" not in printed + "".join(server.said)


def test_others_who_can_reach_it_or_read_secrets_are_warned_of(path: Path) -> None:
    path.chmod(0o644)
    with serving(path.parent, str(path), "--listen", "0.0.0.0:0") as server:
        server.await_line("others can reach this server: its HTTP is not encrypted, only signed")
        server.await_line(f"{path}: others can read the secrets in it")
        server.stop()


def test_a_browser_gets_the_reference_of_all_dialects(path: Path) -> None:
    with serving(path.parent, str(path)) as server:
        status, page = fetch(server, "/", Accept="text/html")
        assert status == 200
        for shown in (
            "aliyun-CreateTrafficMirrorSession",
            "volcengine-CreateTrafficMirrorTarget",
            "AcsClient",
        ):
            assert shown in page
        assert "very&amp;secret" not in page
        server.stop()


def test_every_request_is_logged_in_a_line_with_its_id(path: Path) -> None:
    with serving(path.parent, str(path), "--log", "json") as server:
        query = "Action=Nothing&Version=2016-04-28&Signature=abcdef&AccessKeyId=AKTEST"
        status, text = fetch(server, f"/?{query}", "POST")
        assert status == 400
        request_id = json.loads(text)["RequestId"]
        entry = json.loads(server.await_line(request_id))
        assert (entry["dialect"], entry["status"], entry["account"]) == ("aliyun", 400, "")
        assert entry["code"] == json.loads(text)["Code"]
        assert not any("abcdef" in line for line in server.said)
        server.stop()


def test_what_there_is_is_listed_from_the_running_server(path: Path) -> None:
    with serving(path.parent, str(path)) as server:
        done = mirrorplane("enis", path, "--json")
        assert [row["id"] for row in json.loads(done.stdout)] == ["eni-a", "eni-b"]
        state = path.parent / "state" / "here.db"
        for what in ("sessions", "filters", "targets"):
            assert json.loads(mirrorplane(what, "--state", state, "--json").stdout) == []
        assert b"eni-a" in mirrorplane("enis", "--state", state).stdout
        server.stop()
    said = refusal(mirrorplane("enis", path), 1)
    assert said == f"mirrorplane: no server is running with its state in {state}\n"


def test_the_file_is_read_again(path: Path) -> None:
    with serving(path.parent, str(path)) as server:
        path.write_text(CONFIGURATION.replace("eni-b", "eni-c"))
        server.process.send_signal(signal.SIGHUP)
        server.await_line("reloaded: interfaces and load balancers")
        rows = json.loads(mirrorplane("enis", path, "--json").stdout)
        assert [row["id"] for row in rows] == ["eni-a", "eni-c"]
        path.write_text("interfaces: 5")
        server.process.send_signal(signal.SIGHUP)
        assert f"{path}:1: interfaces: must be a mapping" in server.await_line("not reloaded")
        server.stop()


def test_one_state_has_one_server(path: Path) -> None:
    with serving(path.parent, str(path)) as server:
        said = refusal(mirrorplane("serve", path, "--engine", "none", "--listen", ":0"), 1)
        assert "in use by another process" in said
        assert json.loads(mirrorplane("sessions", path, "--json").stdout) == []
        server.stop()


def test_a_place_that_cannot_be_listened_on_is_refused(path: Path) -> None:
    with serving(path.parent, str(path)) as server:
        said = refusal(mirrorplane("serve", "--engine", "none", "--listen", server.address), 1)
        assert said == f"mirrorplane: --listen {server.address}: Address already in use\n"
        server.stop()
    assert "--listen no.such.host.invalid:1" in refusal(
        mirrorplane("serve", "--engine", "none", "--listen", "no.such.host.invalid:1"), 1
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8780", ("127.0.0.1", 8780)),
        (":0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_a_place_to_listen_is_a_host_and_a_port(text: str, found: tuple[str, int]) -> None:
    assert place(text) == found


@pytest.mark.parametrize("text", ["", "127.0.0.1", "a:b", ":65536", "::1:80", "a:-1", "a:٣", "a:"])
def test_anything_else_is_no_place(text: str) -> None:
    with pytest.raises(WrongUsageError, match="must be HOST:PORT"):
        place(text)


@pytest.mark.parametrize("text", ["{", '{"id": "AK1"}'])
def test_a_key_file_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "mirrorplane.db.key").write_text(text)
    (tmp_path / "mirrorplane.db.key").chmod(0o600)
    (tmp_path / "c.yaml").write_text("{}")
    said = refusal(mirrorplane("serve", tmp_path / "c.yaml", "--engine", "none", "--listen", ":0"), 1)
    assert "no access key in it" in said
