"""The key file is private, appears whole, is made once, and no rotation of it is lost."""

from __future__ import annotations

import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from operator import add
from secrets import token_hex
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from service.secrets import key_file
from service.secrets.master_key import InvalidMasterKey, MasterKeys, UnknownMasterKey

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = UUID("018f3a5c-7d2e-7b41-9c55-0a1b2c3d4e5f")
DATA_KEY = bytes(32)
PLACES = 100
REWRITES = 40


def two_processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_private_file_and_the_next_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    before = os.umask(0)
    try:
        made = MasterKeys.load_or_create(path)
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert MasterKeys.load_or_create(path).ids == made.ids
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        MasterKeys.load_or_create(tmp_path / "master.key")
    finally:
        os.umask(before)
    assert mode(tmp_path / "master.key") == 0o600


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_a_file_open_to_others_is_refused_with_the_way_out(tmp_path: Path, bit: int) -> None:
    path = tmp_path / "master.key"
    MasterKeys.load_or_create(path)
    path.chmod(0o600 | bit)
    for use in (MasterKeys.load_or_create, MasterKeys.rotate, MasterKeys.forget_old):
        with pytest.raises(key_file.KeyFileExposed, match=f"chmod 600 {path}"):
            use(path)


def test_a_file_that_only_its_owner_reads_may_be_read_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKeys.load_or_create(path)
    path.chmod(0o400)
    assert MasterKeys.rotate(path).ids == MasterKeys.load_or_create(path).ids
    assert mode(path) == 0o400


def test_a_missing_folder_is_an_error_and_so_is_a_rotation_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        MasterKeys.load_or_create(tmp_path / "nowhere" / "master.key")
    with pytest.raises(FileNotFoundError):
        MasterKeys.rotate(tmp_path / "master.key")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_or_foreign_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    for content in (b"", b"\xff\xfe not a key"):
        path.write_bytes(content)
        path.chmod(0o600)
        for use in (MasterKeys.load_or_create, MasterKeys.rotate):
            with pytest.raises(InvalidMasterKey):
                use(path)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_a_rotation_puts_a_new_key_first_and_old_wraps_still_open(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    old = MasterKeys.load_or_create(path)
    wrapped = old.wrap(DATA_KEY, subject=SUBJECT)
    new = MasterKeys.rotate(path)
    assert new.ids == (new.current_id, *old.ids)
    assert new.current_id != old.current_id
    for ring in (new, MasterKeys.load_or_create(path)):
        assert ring.unwrap(wrapped, subject=SUBJECT, key_id=old.current_id) == DATA_KEY
    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_forgetting_keeps_the_current_key_and_those_in_use(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    first = MasterKeys.load_or_create(path).current_id
    second = MasterKeys.rotate(path).current_id
    third = MasterKeys.rotate(path).current_id
    assert MasterKeys.forget_old(path, in_use=[first]).ids == (third, first)
    assert MasterKeys.forget_old(path).ids == (third,) == MasterKeys.load_or_create(path).ids
    with pytest.raises(UnknownMasterKey, match=second):
        MasterKeys.load_or_create(path).unwrap(bytes(60), subject=SUBJECT, key_id=second)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real.key", tmp_path / "master.key"
    MasterKeys.load_or_create(path)
    link.symlink_to(path)
    assert MasterKeys.rotate(link).ids == MasterKeys.load_or_create(path).ids
    assert link.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_rotation_by_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKeys.load_or_create(path)
    os.chown(path, 12345, 23456)
    MasterKeys.rotate(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 23456, 0o600)


def test_processes_that_start_together_agree_on_one_text(tmp_path: Path) -> None:
    paths = [tmp_path / f"key-{place}" for place in range(PLACES)]
    with two_processes() as both:
        # Each path twice in a row, so that both processes meet at each.
        texts = list(both.map(partial(key_file.read_or_create, fresh=partial(token_hex, 16)), sorted(paths * 2)))
    assert texts[::2] == texts[1::2] == [path.read_text() for path in sorted(paths)]
    assert len(set(texts)) == PLACES
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_no_rewrite_is_lost_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key_file.read_or_create(path, str)
    with two_processes() as both:
        lengths = [len(text) for text in both.map(key_file.rewrite, [path] * REWRITES, [partial(add, "x")] * REWRITES)]
    assert path.read_text() == "x" * REWRITES
    assert sorted(lengths) == list(range(1, REWRITES + 1))
