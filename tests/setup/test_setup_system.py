"""What the set-up does about packages that the system lacks."""

import os
from pathlib import Path

import layout
import pytest
import system
from steps import SetupError
from system import Need


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a make-believe apt, which notes its calls in `calls` and installs what `install`
    is given as files of those names. Its lists are empty until `update` makes them."""
    programs = {
        "apt-get": f"""
            shift 2
            echo "$*" >> {tmp_path}/calls
            case "$1" in
                update) : > {tmp_path}/lists ;;
                install) [ -f {tmp_path}/lists ] || exit 100; shift 3; for name; do : > "{tmp_path}/$name"; done ;;
            esac
        """,
        "apt-cache": f'[ -f {tmp_path}/lists ] && echo "Package: $3"',
        "sudo": "exit 1",
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.delenv(system.PERMISSION, raising=False)
    monkeypatch.setattr(layout, "LOGS", tmp_path / "log")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def need(machine: Path, package: str) -> Need:
    return Need((package,), f"what {package} brings", (machine / package).is_file)


def calls(machine: Path) -> list[str]:
    path = machine / "calls"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def test_what_is_there_is_not_installed(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "g++").touch()
    system.provide([need(machine, "g++")])
    assert calls(machine) == []
    assert capsys.readouterr().out == ""


def test_what_is_missing_is_announced_and_installed(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "lists").touch()
    (machine / "make").touch()
    system.provide([need(machine, "g++"), need(machine, "make")])
    assert calls(machine) == ["install"]
    assert "missing what g++ brings: apt-get install g++ (" in capsys.readouterr().out


def test_empty_package_lists_are_fetched_first(machine: Path) -> None:
    system.provide([need(machine, "g++")])
    assert calls(machine) == ["update", "install"]


def test_an_install_that_fails_is_tried_again_with_fresh_lists(machine: Path) -> None:
    (machine / "bin" / "apt-cache").write_text("#!/bin/sh\necho Package\n")
    system.provide([need(machine, "g++")])
    assert calls(machine) == ["install", "update", "install"]


@pytest.mark.parametrize(("user", "permission"), [(0, "no"), (1000, "")], ids=["forbidden", "neither root nor sudo"])
def test_without_permission_the_command_is_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch, user: int, permission: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv(system.PERMISSION, permission)
    with pytest.raises(SetupError, match="missing on this system: what g") as caught:
        system.provide([need(machine, "g++")])
    assert caught.value.cure == "on Debian or Ubuntu: apt-get install g++"
    assert calls(machine) == []


def test_a_sudo_without_password_serves(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "bin" / "sudo").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system.provide([need(machine, "g++")])
    assert calls(machine) == ["update", "install"]


def test_a_compiler_that_the_user_chose_is_never_replaced(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false -mine")
    with pytest.raises(SetupError, match="CXX is `false -mine`, which makes no program"):
        system.provide(system.interface_needs(Path("/usr/bin/python3"))[:1])
    assert calls(machine) == []


def test_a_compiler_without_the_c_librarys_headers_is_none(machine: Path) -> None:
    compiler = machine / "bin" / "cc"
    compiler.write_text("#!/bin/sh\necho 'fatal error: stdio.h: No such file or directory' >&2\nexit 1\n")
    compiler.chmod(0o755)
    required = system.build_needs()[0]
    assert not required.is_met()
    assert required.packages == ("gcc", "libc6-dev")


def test_only_the_systems_own_python_gets_packages(tmp_path: Path) -> None:
    own = tmp_path / "python3.12"
    own.touch()
    assert system.python_packages(own, "dev") == ()
    assert system.python_packages(Path("/usr/bin/python3.99"), "dev") == ("python3.99-dev",)
