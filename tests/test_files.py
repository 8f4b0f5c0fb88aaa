"""Files are written whole or not at all, and what is no regular file is neither replaced nor removed."""

import os
import stat

import pytest

from ncsolve import files


def test_a_pipe_stays_as_it_is_whoever_asks(tmp_path):
    pipe = tmp_path / "answer.json"
    os.mkfifo(pipe)
    for overwrite in (False, True):
        with pytest.raises(OSError, match="a pipe or a device"):
            files.check_writable(pipe, overwrite=overwrite)
        with pytest.raises(OSError, match="a pipe"), files.atomic_write(pipe, overwrite=overwrite):
            pass
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_what_has_appeared_while_the_file_was_written_is_kept(tmp_path, monkeypatch):
    """With links and on a file system without them."""
    for name, link in (("links.json", os.link), ("none.json", None)):
        if link is None:
            monkeypatch.setattr(os, "link", lambda *paths: os.stat(tmp_path / "nowhere"))
        path = tmp_path / name
        monkeypatch.setattr(files, "refuse_overwrite", lambda path, overwrite: None)
        with pytest.raises(FileExistsError), files.atomic_write(path):
            path.write_bytes(b"theirs")
        assert path.read_bytes() == b"theirs"
        with files.atomic_write(tmp_path / f"free_{name}") as stream:
            stream.write(b"mine")
        assert (tmp_path / f"free_{name}").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 4
