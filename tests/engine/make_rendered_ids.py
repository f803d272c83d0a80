#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/rendered.txt: the ids that jinja2 3.1 and the Python package tokenizers 0.23.3 give for
conversations, with the chat templates that published vocabularies bring. A line each, separated by tabs: the vocabulary,
whether the generation prompt is added, messages and tools as JSON, and the ids.

Usage: make_rendered_ids.py FOLDER     (FOLDER is that which scripts/setup.sh fetches vocabularies to)
(needs: pip install tokenizers==0.23.3 jinja2)
"""
import datetime
import json
import pathlib
import sys

from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "tokenizer" / "rendered.txt"
NOW = datetime.datetime(2026, 1, 31, 9, 5)  # the test's clock

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "The city's name"}},
                   "required": ["city"]}}}
TALKS = [
    {"messages": [{"role": "user", "content": "Why is the sky blue?"}]},
    {"messages": [{"role": "user", "content": "  Two spaces,\n\n\nlines and a tab\t. "}]},
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好，世界! 😀👍🏽 Ünïcödé 12345"}]},
    {"messages": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"},
                  {"role": "user", "content": "def f(x):\n    return x**2  # <b>&amp;</b>"}]},
    {"messages": [{"role": "system", "content": "Answer in Norwegian."}, {"role": "user", "content": "a"},
                  {"role": "assistant", "content": " b\n"}, {"role": "user", "content": "\nc"},
                  {"role": "assistant", "content": "d"}]},
    {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}], "tools": [WEATHER]},
    {"messages": [{"role": "user", "content": "It's"}, {"role": "assistant", "content": "Привет, мир"},
                  {"role": "user", "content": "سلام دنیا"}]},
]


def refuse(message):
    raise TemplateError(message)


def text_of(token):
    return token["content"] if isinstance(token, dict) else token or ""


def environment():
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = NOW.strftime
    return made


def template_of(config):
    found = config.get("chat_template")
    if isinstance(found, list):  # several, by name
        found = next(entry["template"] for entry in found if entry["name"] == "default")
    return found


def main():
    lines = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*/tokenizer.json")):
        config = json.loads((path.parent / "tokenizer_config.json").read_text(encoding="utf-8"))
        source = template_of(config)
        if source is None:
            continue
        template, tokenizer = environment().from_string(source), Tokenizer.from_file(str(path))
        special = {name: text_of(config[name]) for name in ("bos_token", "eos_token") if config.get(name)}
        for talk in TALKS:
            for prompt in (True, False):
                try:
                    text = template.render(**talk, **special, add_generation_prompt=prompt)
                except TemplateError:
                    continue
                ids = tokenizer.encode(text, add_special_tokens=False).ids
                talk_json = [json.dumps(talk.get(part), ensure_ascii=False) for part in ("messages", "tools")]
                lines.append("\t".join([path.parent.name, str(int(prompt)), *talk_json, " ".join(map(str, ids))]) + "\n")
    DATA.write_text("".join(lines), encoding="utf-8")


main()
