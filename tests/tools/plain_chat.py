#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Talks to generate -i as a person would: in a terminal (tmux) with keys and pastes, and through a pipe."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from plain_generate import SKIPPED, run_tests

WAIT_S = 60


class Terminal:
    """A window of a tmux server of its own, in which the program runs."""

    def __init__(self, folder, state, command):
        self.socket = os.path.join(folder, "tmux")
        self.tmux("-f", os.devnull, "-u", "new-session", "-d", "-x", "100", "-y", "40", "env", "LC_ALL=C.UTF-8",
                  f"XDG_STATE_HOME={state}", *command)
        self.tmux("set-option", "-g", "remain-on-exit", "on")

    def tmux(self, *arguments, **options):
        # a terminal's name and a locale of its own: CI may have neither
        environment = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8")
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], capture_output=True, text=True, timeout=30,
                              check=False, env=environment, **options)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-S", "-500").rstrip("\n")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    def paste(self, text):
        self.tmux("load-buffer", "-", input=text)
        self.tmux("paste-buffer", "-p", "-r")

    def wait(self, what, matches):
        end = time.monotonic() + WAIT_S
        while not matches(self.screen()):
            assert time.monotonic() < end, f"no {what} in {WAIT_S} s:\n{self.screen()}"
            time.sleep(0.05)
        return self.screen()

    def wait_for(self, text):
        return self.wait(repr(text), lambda screen: text in screen)

    def wait_for_prompt(self):
        return self.wait("prompt", lambda screen: screen.split("\n")[-1] == ">")


@contextlib.contextmanager
def terminal(generate, *arguments, state=None):
    with tempfile.TemporaryDirectory(prefix="firn-chat-") as folder:
        window = Terminal(folder, state or folder, [generate.program, *generate.model, "-i", "-s", "7", *arguments])
        try:
            window.wait_for_prompt()
            yield window, folder
        finally:
            window.tmux("kill-server")


def say(window, text):
    window.type(text)
    window.wait(repr(text), lambda screen: text in screen)
    return window.wait_for_prompt()


def saved(window, folder):
    path = os.path.join(folder, "conversation.json")
    say(window, f"/save {path}")
    with open(path, encoding="utf-8") as file:
        return [(message["role"], message["content"]) for message in json.load(file)]


def test_a_talk_in_a_terminal(generate):
    with terminal(generate, "-n", "12") as (window, folder):
        say(window, "/set temperature 0")
        assert re.search(r"^temperature +0 ", say(window, "/params"), re.MULTILINE)
        say(window, "/set temperature hot")
        window.wait_for("error: ")
        say(window, "Hi é")
        first = saved(window, folder)
        assert [role for role, _ in first] == ["user", "assistant"] and first[0][1] == "Hi é" and first[1][1], first
        assert first[1][1] == generate.json("Hi é", "-n", "12", "--temp", "0")["text"]
        window.keys("Up", "Up", "Enter")  # the history: the message before /save
        window.wait("a second answer", lambda screen: screen.count("> Hi é") == 2)
        window.wait_for_prompt()
        assert [content for role, content in saved(window, folder) if role == "user"] == ["Hi é", "Hi é"]
        say(window, "/undo")
        assert saved(window, folder) == first
        window.keys("H", "o", "BSpace", "i", "Left", "X", "C-c")  # begins the message again
        window.wait_for("/quit ends")
        window.wait_for_prompt()
        assert saved(window, folder) == first
        window.wait_for_prompt()  # before it, the terminal would take the key as text
        window.keys("C-d")
        window.wait("end", lambda _: window.tmux("display-message", "-p", "#{pane_dead}").strip() == "1")


def test_the_history_outlives_the_program(generate):
    with tempfile.TemporaryDirectory(prefix="firn-chat-") as state:
        path = os.path.join(state, "firn", "history")
        with terminal(generate, "-n", "2", state=state) as (window, _):
            window.paste("first é\nsecond")
            window.wait_for("second")
            window.keys("Enter")
            window.wait_for_prompt()
            say(window, "/seed 3")
        assert os.stat(path).st_mode & 0o777 == 0o600 and os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
        assert os.listdir(os.path.dirname(path)) == ["history"]
        with terminal(generate, "-n", "2", state=state) as (window, folder):
            window.keys("Up", "Up", "Enter")
            window.wait_for("> first é")
            window.wait_for_prompt()
            assert saved(window, folder)[0] == ("user", "first é\nsecond")
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"/seed {i}\n" for i in range(3000))
        with terminal(generate, state=state) as (window, _):
            say(window, "/seed 3000")
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        assert len(lines) == 1002 and lines[1000:] == ["/seed\\0403000", ""], lines[998:]
        shutil.rmtree(os.path.dirname(path))
        with open(os.path.dirname(path), "w", encoding="utf-8"):  # no place for it, and nobody minds
            pass
        with terminal(generate, state=state) as (window, _):
            assert "error" not in say(window, "/seed 3")
        status, _, err = generate.run("-i", text="/seed 3\n", env=dict(os.environ, XDG_STATE_HOME=state + "/none"))
        assert status == 0 and not os.path.exists(state + "/none"), err


def test_a_paste_is_one_message(generate):
    with terminal(generate, "-n", "3") as (window, folder):
        window.paste("one\n  two ü\n/three")
        window.wait_for("/three")
        time.sleep(0.3)  # nothing may happen before Enter
        assert window.screen().rstrip().endswith("/three"), window.screen()
        window.keys("Enter")
        window.wait_for_prompt()
        messages = saved(window, folder)
        assert messages[0] == ("user", "one\n  two ü\n/three") and len(messages) == 2, messages


def test_control_c_ends_the_answer_only(generate):
    with terminal(generate, "--ignore-eos") as (window, folder):
        window.type("Tell me a story.")
        window.wait("an answer", lambda screen: len(screen.split("Tell me a story.")[-1].strip()) > 20)
        window.keys("C-c")
        window.wait_for("(interrupted)")
        window.wait_for_prompt()
        messages = saved(window, folder)
        assert len(messages) == 2 and len(messages[1][1]) > 5, messages
        say(window, "/set n_predict 2")
        say(window, "And then?")
        assert len(saved(window, folder)) == 4


def piped(generate, *lines, arguments=()):
    status, out, err = generate.run("-i", "-s", "7", "-n", "8", *arguments, text="".join(line + "\n" for line in lines))
    assert status == 0, err
    return out.decode(), err


def test_a_turn_costs_its_new_tokens(generate):
    _, err = piped(generate, "Name a colour.", "/stats", "And another\\", "one?", "/stats")
    figures = [tuple(map(int, found)) for found in re.findall(r"last prompt: (\d+) tokens, (\d+) of them", err)]
    (first, nothing), (second, reused) = figures
    assert nothing == 0 and reused >= first and second - reused <= 24, figures


def test_same_noise_same_answer(generate):
    out, _ = piped(generate, "Name a colour.", "/retry", "/undo", "Name a colour.", "/retry")
    lines = out.split("\n")
    assert lines[0] == lines[2] and lines[1] == lines[3] and lines[0] != lines[1], lines
    assert generate.output("-s", "7", "-n", "8", "Name a colour.").decode() == lines[0]


def test_texts_that_stop_or_never_come(generate):
    plain = generate.output("-s", "7", "-n", "8", "Name a colour.").decode()
    word = plain.split()[1]
    for flags in (["--stop", word], ["--banned-string", word]):
        out, _ = piped(generate, "Name a colour.", arguments=flags)
        assert word not in out and out == generate.output("-s", "7", "-n", "8", *flags, "Name a colour.").decode() + "\n", out
    out, _ = piped(generate, "/set stop [\"" + word + "\"]", "Name a colour.")
    assert word not in out and plain.startswith(out.rstrip("\n")), out


def test_commands(generate):
    with tempfile.TemporaryDirectory(prefix="firn-chat-") as folder:
        path = os.path.join(folder, "a.json")
        _, err = piped(generate, "/seed", "/seed 5", "/system Be brief.", "Hi", f"/save {path}", "/clear", f"/load {path}",
                       "/system", f"/save {path}2", "/seed -1", "/undo", "/undo", "/retry", "/load", "/help", "/quit", "Hi")
        with open(path, encoding="utf-8") as file:
            messages = json.load(file)
        assert [message["role"] for message in messages] == ["system", "user", "assistant"] and \
            messages[0]["content"] == "Be brief.", messages
        with open(path + "2", encoding="utf-8") as file:
            assert json.load(file) == messages[1:]
        assert err.startswith("seed 7\nseed 5\n3 messages\n"), err
        for part in ("no message to take back", "no message to answer again", "/load wants", "/retry"):
            assert part in err, (part, err)
    out, err = piped(generate, "/nope", "/system", "//", arguments=["Hello"])
    assert out.count("\n") == 2 and "'/nope'" in err, (out, err)
    generate.refuses(["-i", "--raw"], "--raw")
    generate.refuses(["-i", "--json"], "JSON")


def test_what_goes_wrong_ends_the_turn_only(generate):
    refusing = "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('never') }}{% endif %}" \
               "{{ m.content }}{% endfor %}"
    out, err = piped(generate, "no", "yes", "/stats", arguments=["--chat-template", refusing])
    assert "never" in err and out.strip() and "context:     " in err, (out, err)
    _, err = piped(generate, "word " * 100, "Hi", "/stats", arguments=["-c", "64"])
    assert "context holds 64" in err and " 2 messages" in err, err


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("tmux is not there")
        sys.exit(SKIPPED)
    sys.exit(run_tests(globals()))
