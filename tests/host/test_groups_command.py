# SPDX-License-Identifier: Apache-2.0
"""`bulkhead groups` in all its forms: they say the same, and --compare says where Linux differs and why."""
import json
import os
import pty
import re
import subprocess

import pytest

from comparison import COARSER_RULES, captured_machines, captured_verdict, read_groups
from conftest import COMMAND, ORACLE, SECONDS

ADDRESS = r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"


def machine(name, tables=("dmar.bin", "mcfg.bin")):
    directory = ORACLE / name
    return ["--lspci", directory / "lspci.txt"] + [part for table in tables for part in ("--acpi", directory / table)]


def cut(name, size, tmp_path):
    """A dump with only the first bytes of each space."""
    rows = [line for line in (ORACLE / name / "lspci.txt").read_text().splitlines()
            if not re.match(r"[0-9a-f]+: ", line) or int(line.split(":")[0], 16) < size]
    path = tmp_path / f"{name}-{size}.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


def on_terminal(*arguments, **environment):
    """What is printed where standard output is a terminal."""
    leader, follower = pty.openpty()
    environment = dict({k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment)
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=follower,
                               stderr=subprocess.DEVNULL, env=environment)
    os.close(follower)
    output = b""
    try:
        while data := os.read(leader, 65536):
            output += data
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    assert process.wait(SECONDS) == 0
    return output.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("name", captured_machines())
def test_console_form_is_json(bulkhead, bulkhead_json, name):
    text = bulkhead("groups", *machine(name)).stdout
    whole, = bulkhead_json("groups", *machine(name))
    lines = []
    for group in whole["groups"]:
        head = f"bulkhead: group {group['id']}:"
        lines.append(" ".join([head, *group["functions"]]))
        lines += [f"{head} because {reason['text']}" for reason in group["reasons"]]
        if "trust" in group:
            lines.append(f"{head} trust {' '.join(group['trust'])} would split it")
        for reason in group["reasons"]:
            assert set(reason) == {"rule", "at", "functions", "text"} and set(reason["functions"]) <= set(group["functions"])
            assert len(reason["functions"]) == 2 or reason["rule"] == "multifunction" and len(reason["functions"]) > 2
            assert re.fullmatch("[a-z]+(-[a-z]+)*", reason["rule"])
    assert text.splitlines() == lines
    assert [g["id"] for g in whole["groups"]] == list(range(len(whole["groups"])))
    assert "upper_bound" not in whole


def test_one_reason_names_all_functions_of_a_device(bulkhead_json):
    whole, = bulkhead_json("groups", *machine("q35-4"))
    chipset, = (g for g in whole["groups"] if "0000:00:1f.0" in g["functions"])
    reason, = chipset["reasons"]
    assert reason["functions"] == chipset["functions"] == ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"]
    assert reason["text"].startswith("0000:00:1f.0 to 0000:00:1f.3 are functions of one device: ")


@pytest.mark.parametrize("name", captured_machines())
def test_compare_names_the_rule_of_each_difference(bulkhead, bulkhead_json, name):
    linux = ORACLE / name / "groups.txt"
    verdict = captured_verdict(name)
    text = bulkhead("groups", *machine(name), "--linux", linux).stdout
    compared, = bulkhead_json("groups", *machine(name), "--linux", linux)
    assert compared["finer"] == compared["only_here"] == compared["only_linux"] == []
    assert len(compared["coarser"]) == len(verdict.coarser)
    for difference, members in zip(compared["coarser"], verdict.coarser):
        assert sorted(sum(difference["linux"], [])) == sorted(members)
        assert len(difference["linux"]) > 1 and {r["rule"] for r in difference["reasons"]} & COARSER_RULES
    assert f"{compared['equal']} groups equal, {len(verdict.coarser)} coarser than Linux's, 0 finer" in text.splitlines()[-1]
    assert text.count("Linux splits these") == len(verdict.coarser)
    assert ("switch-peers: " in text) == bool(verdict.coarser)


def test_compare_tells_what_linux_joins(bulkhead, bulkhead_json, tmp_path):
    """Never with real groups: here two of Linux's are made one. Status 1 tells."""
    groups = read_groups(ORACLE / "q35-4" / "groups.txt")
    alone = [line for line in groups if len(line) == 1][:2]
    rest = [line for line in groups if line not in alone]
    (tmp_path / "linux.txt").write_text("\n".join(map(" ".join, [sum(alone, []), *rest])) + "\n")
    done = bulkhead("groups", *machine("q35-4"), "--linux", tmp_path / "linux.txt", status=1)
    assert f"Linux joins these: {{{alone[0][0]}}} {{{alone[1][0]}}}\n" in done.stdout
    assert f"{len(rest)} groups equal, 0 coarser than Linux's, 1 finer" in done.stdout
    compared, = bulkhead_json("groups", *machine("q35-4"), "--linux", tmp_path / "linux.txt", status=1)
    assert compared["finer"] == [[alone[0], alone[1]]]


def test_compare_lists_functions_that_one_side_lacks(bulkhead, tmp_path):
    groups = read_groups(ORACLE / "q35-4" / "groups.txt")
    missing = groups[0][0]
    (tmp_path / "linux.txt").write_text("\n".join(map(" ".join, groups[1:])) + "\nff:1f.7\nnone: " + missing + "\n")
    text = bulkhead("groups", *machine("q35-4"), "--linux", tmp_path / "linux.txt").stdout
    assert f"in none of Linux's groups: {missing}\n" in text
    assert "in a group of Linux's, but not seen here: 0000:ff:1f.7\n" in text
    assert "1 functions are in none of Linux's groups, 1 were not seen here" in text


def test_files_of_groups_that_are_none(bulkhead, tmp_path):
    first = read_groups(ORACLE / "q35-4" / "groups.txt")[0][0]
    for content, words in (("", "no groups"), (f"{first}\n{first}\n", "in two groups"), ("0000:00:00.0\nrubbish\n", "line 2"),
                           ("0000:00:20.0\n", "line 1"), ("0000:00:00.8\n", "line 1")):
        (tmp_path / "linux.txt").write_text(content)
        assert words in bulkhead("groups", *machine("q35-4"), "--linux", tmp_path / "linux.txt", status=1).stderr
    assert "No such file" in bulkhead("groups", *machine("q35-4"), "--linux", tmp_path / "absent", status=1).stderr


@pytest.mark.parametrize("name", ("q35-1", "q35-8"))
def test_trust_is_tried_out(bulkhead, bulkhead_json, name):
    """In every form: what is said to split a group does, and a trusted port stays with what is directly below."""
    group = next(g for g in bulkhead_json("groups", *machine(name))[0]["groups"] if "trust" in g)
    trust = [word for port in group["trust"] for word in ("--trust", port[5:])]  # segment 0 may be left out
    tried, = bulkhead_json("groups", *machine(name), *trust)
    number = {function: g["id"] for g in tried["groups"] for function in g["functions"]}
    assert len({number[function] for function in group["functions"]}) > 1
    reasons = [r for g in tried["groups"] for r in g["reasons"] if r["rule"] == "trusted-port"]
    assert reasons and {r["at"] for r in reasons} <= set(group["trust"])
    for form in ("--tree", "--dot"):
        text = bulkhead("groups", *machine(name), *trust, form).stdout
        assert "trusted-port" in text or "the file trusts it" in " ".join(text.split())


def test_trust_that_is_void(bulkhead):
    done = bulkhead("groups", *machine("q35-4"), "--trust", "0000:7f:00.0")
    assert "trust in 0000:7f:00.0 is void: there is no such function" in done.stderr
    assert done.stdout == bulkhead("groups", *machine("q35-4")).stdout


@pytest.mark.parametrize("name", ("q35-1", "q35-8"))
def test_tree_shows_every_function_and_reason(bulkhead, bulkhead_json, name):
    text = bulkhead("groups", *machine(name), "--tree", env=dict(os.environ, LC_ALL="C")).stdout
    whole, = bulkhead_json("groups", *machine(name))
    shown = dict(re.findall(rf"^[| `-]*({ADDRESS}) +(\d+) ", text, re.MULTILINE))
    assert shown == {function: str(g["id"]) for g in whole["groups"] for function in g["functions"]}
    for group in whole["groups"]:
        for reason in group["reasons"]:
            assert f"because {reason['text']}\n" in text
    functions = sum(len(g["functions"]) for g in whole["groups"])
    alone = sum(len(g["functions"]) == 1 for g in whole["groups"])
    assert re.fullmatch(rf"{functions} functions in {len(whole['groups'])} groups, {alone} of them alone; "
                        r"\d+ functions in \d+ groups can be given to a partition", text.splitlines()[-1])
    assert text.isascii() and "\033" not in text, "neither colours nor lines where nobody asked for them"


def test_a_terminal_gets_the_tree_in_colour():
    arguments = ["groups", *machine("q35-1")]
    text = on_terminal(*arguments, TERM="xterm", LC_ALL="C.UTF-8")
    assert "\033[36m" in text and "├─ " in text and "└─ " in text and "functions in" in text
    plain = on_terminal(*arguments, TERM="xterm", LC_ALL="C.UTF-8", NO_COLOR="1")
    assert "\033" not in plain and plain == re.sub(r"\033\[[0-9;]*m", "", text)
    assert "\033" not in on_terminal(*arguments, TERM="dumb", LC_ALL="C.UTF-8")
    assert on_terminal(*arguments, TERM="xterm", LC_ALL="C").replace("\033", "").isascii()
    json.loads(on_terminal(*arguments, "--json", TERM="xterm"))


def test_dot_has_every_function_and_edge(bulkhead, bulkhead_json):
    text = bulkhead("groups", *machine("q35-8"), "--dot").stdout
    whole, = bulkhead_json("groups", *machine("q35-8"))
    nodes = dict(re.findall(rf"^\t(f\d+) \[.*<b>({ADDRESS})</b>", text, re.MULTILINE))
    assert sorted(nodes.values()) == sorted(f for g in whole["groups"] for f in g["functions"])
    edges = re.findall(r"^\t(\w+) -> (f\d+);", text, re.MULTILINE)
    assert sorted(end for _, end in edges) == sorted(nodes), "each has one edge from above"
    assert text.startswith("digraph") and text.count("{") == text.count("}") and "style=\"filled,dashed\"" in text
    if subprocess.run(["sh", "-c", "command -v dot"], stdout=subprocess.DEVNULL).returncode == 0:
        drawn = subprocess.run(["dot", "-Tsvg"], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
        assert "<svg" in drawn.stdout and not drawn.stderr


@pytest.mark.parametrize("size", (64, 256))
@pytest.mark.parametrize("name", ("q35-1", "q35-4", "q35-8", "q35-16"))
def test_short_dumps_give_an_upper_bound(bulkhead, bulkhead_json, tmp_path, name, size):
    """They are said to be short, and what is apart all the same is apart in truth."""
    short = cut(name, size, tmp_path)
    done = bulkhead("groups", "--lspci", short, "--json")
    bound = json.loads(done.stdout)
    whole, = bulkhead_json("groups", *machine(name))
    number = {f: g["id"] for g in bound["groups"] for f in g["functions"]}
    assert bound["upper_bound"] is True and "upper bound" in done.stderr and "lspci -xxxx as root" in done.stderr
    assert ("conventional PCI" if size == 64 else "without ACS") in done.stderr
    for group in whole["groups"]:
        assert len({number[f] for f in group["functions"]}) == 1, f"finer than the whole dump: {group['functions']}"
    assert "(an upper bound: not all was seen)" in bulkhead("groups", "--lspci", short, "--tree").stdout
    assert "An upper bound" in bulkhead("groups", "--lspci", short, "--dot").stdout


def test_unseen_acs_is_not_called_missing(bulkhead, tmp_path):
    text = bulkhead("groups", "--lspci", cut("q35-4", 256, tmp_path), "--tree").stdout
    assert "ACS unseen" in text and not re.search(r"no ACS [0-9a-f]{4}:", text)
    assert "has no ACS that can be seen" in text and "has no ACS:" not in text


def test_tables_that_lack_are_told(bulkhead, tmp_path):
    done = bulkhead("groups", *machine("q35-4", tables=()))
    assert "no DMAR or IVRS table (--acpi FILE)" in done.stderr and "aliases are not known" in done.stderr
    assert "DMAR" not in bulkhead("groups", *machine("q35-4")).stderr


def test_tables_in_one_text(bulkhead, tmp_path):
    """acpidump's text is read by every command that takes tables."""
    from test_acpi import acpidump
    text = tmp_path / "acpidump.txt"
    text.write_text(acpidump(*((ORACLE / "q35-4" / name).read_bytes() for name in ("dmar.bin", "mcfg.bin"))))
    one = bulkhead("groups", *machine("q35-4", tables=()), "--acpi", text)
    two = bulkhead("groups", *machine("q35-4"))
    assert (one.stdout, one.stderr) == (two.stdout, two.stderr)
