"""Pyodide in the user's cache: fetched once, never anything else than it is."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clearprop.base.errors import DamagedFileError, FileError
from clearprop.lab import runtime

FILES = {"pyodide.js": b"the loader", "numpy.whl": b"numbers" * 1000}


class Place:
    """A server of files, which says what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: list[str] = []
        self.lengths: dict[str, int] = {}
        asked, lengths = self.asked, self.lengths

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                asked.append(name)
                if name not in files:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(lengths.get(name, len(files[name]))))
                self.end_headers()
                self.wfile.write(files[name])

            def log_message(self, *told: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digests = {name: sha256(content).hexdigest() for name, content in FILES.items()}
    monkeypatch.setattr(runtime, "DIGESTS", digests)
    served = Place(dict(FILES))
    yield served
    served.server.shutdown()
    served.server.server_close()


def kept(tmp_path: Path) -> Path:
    return tmp_path / "clearprop" / f"pyodide-{runtime.VERSION}"


def test_it_is_fetched_once_and_kept(place: Place, tmp_path: Path) -> None:
    announced: list[int] = []
    for _ in range(2):
        assert runtime.fetched_runtime(lambda: announced.append(1), place.address) == FILES
    assert sorted(place.asked) == sorted(FILES)
    assert announced == [1]
    assert {path.name: path.read_bytes() for path in kept(tmp_path).iterdir()} == FILES


def test_only_what_is_missing_or_altered_is_fetched_again(place: Place, tmp_path: Path) -> None:
    runtime.fetched_runtime(lambda: None, place.address)
    (kept(tmp_path) / "pyodide.js").write_bytes(b"something else")
    place.asked.clear()
    assert runtime.fetched_runtime(lambda: None, place.address) == FILES
    assert place.asked == ["pyodide.js"]


def test_what_has_another_hash_is_refused_and_not_kept(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.DIGESTS, "numpy.whl", "0" * 64)
    with pytest.raises(DamagedFileError) as refused:
        runtime.fetched_runtime(lambda: None, place.address)
    assert refused.value.key == "runtime_wrong"
    assert "numpy.whl" in refused.value.message("zh-TW")
    assert not (kept(tmp_path) / "numpy.whl").exists()


def test_a_download_that_breaks_half_way_is_told(place: Place, tmp_path: Path) -> None:
    # The answer promises more than comes.
    place.lengths["numpy.whl"] = 10**6
    with pytest.raises(FileError) as refused:
        runtime.fetched_runtime(lambda: None, place.address)
    assert refused.value.key == "runtime_unreachable"
    assert not (kept(tmp_path) / "numpy.whl").exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "http://runtime.invalid/"])
def test_a_place_that_is_not_there_is_told_with_what_to_do(place: Place, address: str) -> None:
    with pytest.raises(FileError, match="--runtime"):
        runtime.fetched_runtime(lambda: None, address)


def test_a_file_that_is_not_there_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime.DIGESTS, "gone.js", "0" * 64)
    with pytest.raises(FileError, match="404"):
        runtime.fetched_runtime(lambda: None, place.address)


def test_a_folder_has_it_or_is_refused(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    assert runtime.runtime_from(folder) == FILES
    (folder / "numpy.whl").write_bytes(b"not numbers")
    with pytest.raises(DamagedFileError, match=r"numpy\.whl"):
        runtime.runtime_from(folder)
    (folder / "numpy.whl").unlink()
    with pytest.raises(FileError, match=r"numpy\.whl"):
        runtime.runtime_from(folder)
    assert place.asked == []
