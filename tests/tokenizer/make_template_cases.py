#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Render small templates with Python's jinja2 as Hugging Face configures it; print what came of each as JSON.

usage: make_template_cases.py > tests/data/template_cases.json        (needs jinja2 3.1)

A row is [template, text] or, where Python refuses, [template, null, name of the exception, its message]. All templates
see the same variables.
"""
import json
import sys
from datetime import datetime

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "add_generation_prompt": True,
    "s": "Hello, World", "empty": "", "u": "Größe, ΣΊΣΥΦΟΣ, ǆ, straße, İ, ﬁ", "spaces": "  a  b\tc\n ", "quote": "it's \"q\"",
    "lines": "one\ntwo\n\nthree\r\nfour", "html": "<a href=\"x\">Tom & 'J'</a>", "num": "42", "path": "a/b/c.txt",
    "i": 7, "n": -3, "zero": 0, "big": 123456789012, "f": 3.14159, "g": -0.5, "h": 1e100, "tiny": 1e-7, "whole": 2.0,
    "yes": True, "no": False, "nothing": None,
    "list": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "mixed": [1, "a", None, True, 2.5, [1], {"k": "v"}],
    "nested": [[1, 2], [3, 4], [5]], "d": {"b": 2, "a": 1, "C": 3}, "deep": {"x": {"y": [{"z": "found"}]}},
    "items_key": {"items": 5, "get": 6, "key": "value"}, "emptylist": [], "emptydict": {},
    "people": [{"name": "Ann", "age": 30, "city": {"name": "Oslo"}}, {"name": "bob", "age": 25, "city": {"name": "Rome"}},
               {"name": "Cy", "age": 30, "city": {"name": "oslo"}, "extra": True}],
    "tree": [{"n": "a", "kids": [{"n": "b", "kids": [{"n": "c", "kids": []}]}, {"n": "d", "kids": []}]}],
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <|im_end|>"},
                 {"role": "assistant", "content": "Yes?", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.0}}}]}],
    "json": "{\"a\": [1, 2.5, null, true, \"\\u00e9\"]}", "control": "a\u0001b\u007fc\u200bd\u2028e", "emoji": "a😀b👍🏽c",
}

CASES = r"""
--- output, data, comments, raw
plain text
{{ s }}
{{ s }}{{ i }}{{ f }}{{ nothing }}{{ yes }}{{ no }}
{{ list }}{{ d }}{{ mixed }}
{{ quote }}|{{ [quote] }}|{{ ["it's"] }}|{{ ['"'] }}
{{ missing }}|{{ d.missing }}|{{ list[99] }}
a{# comment #}b{#- trim -#} c {#+ plus +#} d
{# a comment
over lines #}
x
{% raw %}{{ not }} {% tags %}{% endraw %}
{%- raw -%}  {{ x }}  {%- endraw -%}  y
{{ '{{' }} {{ "}}" }} {{ '{%' }}
{{ control }}{{ [control] }}
{{ emoji }}{{ [emoji] }}{{ emoji|length }}{{ emoji[1] }}{{ emoji[::-1] }}
{{ "a\tb\nc\\d\'e\"f\x41\u00e9\U0001F600\101\q" }}
{{ 'a' 'b' "c" }}
a { b } c {d% e #f
{% print s, i %}
--- whitespace control
  {% if yes %}  \n  a\n  {% endif %}  \nb
a\n  {%- if yes -%}  \n  b  \n  {%- endif -%}\n  c
a  {{- s -}}  b
a\n   {{ s }}\n   b
a\n  {%+ if yes %}x{%+ endif %}\ny
a\n  {% if yes +%}\nx{% endif +%}\ny
{% for x in list %}\n{{ x }}\n{% endfor %}\nz
{% for x in list -%}\n  {{ x }}\n{%- endfor %}\nz
  {# c #}\n  {% set a = 1 %}\n  {{ a }}\n
x {% set a = 1 %}\ny
\n\n{% if yes %}\n\nx\n\n{% endif %}\n\n
trailing newline\n
two newlines\n\n
crlf\r\n{% if yes %}\r\nx\r\n{% endif %}\r\n
  {% raw %}\n  x\n  {% endraw %}\n y
a\u00a0{%- if yes %}b{% endif %}
{{- s }}\n{{ s -}}\n\n  x
--- literals and operators
{{ 1 + 2 * 3 - 4 }}
{{ 7 / 2 }} {{ 8 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 1e308 * 10 }} {{ -1e308 * 10 }}
{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ (-8) ** 3 }}
{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000_000 }} {{ 1.5e3 }} {{ 1e-3 }} {{ 12e0 }} {{ 0 }} {{ 00 }}
{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }} {{ [1, 2] * 2 }} {{ (1,) * 3 }} {{ true * 3 }}
{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2, 3) }} {{ 1 + true }} {{ 1.5 + 1 }}
{{ 1 ~ 2 ~ 'a' ~ none ~ true ~ 1.0 ~ [1] ~ missing }}
{{ 1 ~ 2 + 3 }}
{{ -i }} {{ +i }} {{ - - i }} {{ -f }} {{ -yes }} {{ -2|abs }} {{ (-2)|abs }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 1 }} {{ none == false }} {{ 3 > 2 >= 2 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ (1, 2) == (1, 2) }} {{ [1] == (1,) }} {{ 'é' > 'z' }}
{{ 'ell' in s }} {{ 'x' in s }} {{ '' in s }} {{ 1 in list }} {{ 9 not in list }} {{ 'a' in d }} {{ 2 in d.values() }} {{ 1 in missing }}
{{ 1.0 in list }} {{ [1, 2] in nested }} {{ 'a' in ('a', 'b') }} {{ none in mixed }}
{{ not yes }} {{ not not yes }} {{ not empty }} {{ not emptylist }} {{ not missing }}
{{ yes and s }} {{ no and s }} {{ no or s }} {{ empty or none or 'last' }} {{ 0 or 0.0 }} {{ yes or no and no }}
{{ 'a' if yes else 'b' }} {{ 'a' if no else 'b' }} {{ 'a' if no }} {{ ('a' if no) is defined }} {{ 'a' if no else 'b' if no else 'c' }}
{{ [1, 'a', none, true, 1.5, [], {}, ()] }}
{{ {'a': 1, 'b': [1, 2], 3: 'x', none: 0, true: 1, 1.5: 2, (1, 2): 3} }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }} {{ {'a': 1, 'a': 2} }}
{{ (1,) }} {{ (1, 2) }} {{ () }} {{ 1, 2 }} {{ [1,] }} {{ {'a': 1,} }}
{{ 1.0 }} {{ 1e16 }} {{ 1e15 }} {{ 123456789.123 }} {{ 0.0001 }} {{ 0.00001 }} {{ h }} {{ tiny }} {{ 0.1 + 0.2 }} {{ 1/3 }} {{ -0.0 }} {{ 2e-5 }} {{ 5e-324 }}
{{ true }} {{ True }} {{ false }} {{ False }} {{ none }} {{ None }}
{{ 10 is divisibleby 5 and 3 is odd }} {{ 1 + 1 is number }} {{ not 1 is string }} {{ 2 * 3 is even }}
{{ i.bit }}{{ s.length }}{{ nothing.x }}
{{ 9007199254740993 + 0 }} {{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}
{{ 5 % 3.5 }} {{ 'a%sb' % 1 }} {{ '%s-%s' % (1, 'x') }} {{ '%d%%' % 5 }}
{{ '%5d|%-5d|%05d|%+d|% d' % (42, 42, 42, 42, 42) }} {{ '%x %X %o %#x %#o' % (255, 255, 8, 255, 8) }}
{{ '%.2f|%8.3f|%-8.1f|%e|%g|%G' % (3.14159, 3.14159, 3.14159, 12345.678, 0.00001, 1e20) }}
{{ '%s %r %5s|%-5s|%.2s' % ('a', 'b', 'c', 'd', 'efg') }} {{ '%(a)s and %(b)d' % {'a': 1, 'b': 2} }} {{ '%*d' % (5, 3) }} {{ '%d' % 3.9 }} {{ '%c' % 'x' }}
{{ '%s' % [1, 2] }} {{ '%s' % none }} {{ '%i %u' % (1, 2) }} {{ '%05.1f' % -2.55 }} {{ '%+.3e' % 0.0 }} {{ '%s' % {'a': 1} }}
--- subscripts and slices
{{ s[0] }} {{ s[-1] }} {{ s[0:5] }} {{ s[:5] }} {{ s[7:] }} {{ s[::-1] }} {{ s[::2] }} {{ s[-5:-1] }} {{ s[5:2] }} {{ s[100:] }} {{ s[-100:3] }}
{{ list[0] }} {{ list[-1] }} {{ list[1:] }} {{ list[::-1] }} {{ list[:-1] }} {{ list[5:] }} {{ list[none:2] }} {{ (1, 2, 3)[1:] }} {{ list[1::-1] }} {{ [1,2,3,4,5,6][4:0:-2] }}
{{ u[3] }} {{ u[2:4] }} {{ u[-1:] }} {{ emoji[1:2] }} {{ emoji[:3] }}
{{ d['a'] }} {{ d.a }} {{ d['missing'] }} {{ deep.x.y[0].z }} {{ deep['x']['y'][0]['z'] }} {{ nested.0.1 }} {{ nested[0][1] }}
{{ items_key.items() }} {{ items_key['items'] }} {{ items_key.key }} {{ items_key.get('get') }}
{{ list['0'] }} {{ s['x'] }} {{ s['upper']() }} {{ d[none] }} {{ list[true] }} {{ d[[1]] }}
{{ range(5)[1:3]|list }} {{ range(10)[-1] }} {{ d.items()[0] }} {{ i[0] }}
{{ i[1:2] }}
{{ d[1:2] }}
{{ nothing[1:] }}
{{ d.items()[1:] }}
--- set
{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set e, (f2, g2) = 1, (2, 3) %}{{ e }}{{ f2 }}{{ g2 }}
{% set t = 1, 2 %}{{ t }}
{% set block %}  body {{ i }} {% endset %}[{{ block }}]
{% set block | upper %}body {{ i }}{% endset %}[{{ block }}]
{% set block | replace('o', '0') | trim %} foo {% endset %}[{{ block }}]
{% set ns = namespace(a=1, b='x') %}{% set ns.a = 2 %}{% set ns.c = ns.a + 1 %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns.d }}|{{ ns['a'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set ns = namespace(n=0) %}{% for x in list %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}
{% set x = 1 %}{% for q in list %}{% set x = q %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if yes %}{% set x = 2 %}{% endif %}{{ x }}
{% set x = 1 %}{% with x = 2 %}{{ x }}{% set x = 3 %}{{ x }}{% endwith %}{{ x }}
{% set x %}{% set y = 5 %}{{ y }}{% endset %}{{ x }}{{ y }}
{% set ns = namespace() %}{% set ns.x, y = 1, 2 %}{{ ns.x }}{{ y }}
{% set ns = namespace() %}{% set ns.t %}abc{% endset %}{{ ns.t }}
{% set s = s ~ '!' %}{{ s }}
--- if
{% if no %}a{% elif zero %}b{% elif yes %}c{% else %}d{% endif %}
{% if empty %}1{% endif %}{% if emptylist %}2{% endif %}{% if emptydict %}3{% endif %}{% if missing %}4{% endif %}{% if 0.0 %}5{% endif %}{% if ' ' %}6{% endif %}{% if range(0) %}7{% endif %}{% if list|map('string') %}8{% endif %}
{% if yes: %}a{% else: %}b{% endif %}
{% if no %}{{ 1|nonsense }}{% else %}fine{% endif %}
{% if no %}{{ 1 is nonsense }}{% endif %}fine
{% if not (yes and no) or missing is defined %}ok{% endif %}
--- for
{% for x in list %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}
{% for x in list %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}/{{ loop.depth0 }} {% endfor %}
{% for x in list %}[{{ loop.previtem }}|{{ x }}|{{ loop.nextitem }}]{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}
{% for x in list %}{{ loop.changed(x, 1) }}{% endfor %}
{% for x in emptylist %}a{% else %}none{% endfor %}{% for x in missing %}a{% else %}none{% endfor %}
{% for x in list if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% else %}e{% endfor %}
{% for x in list if x > 5 %}{{ x }}{% else %}none{% endfor %}
{% for x in range(10) if x is odd %}{{ x }}{% if loop.last %}!{% endif %}{{ loop.nextitem }} {% endfor %}
{% for x in range(6) if x % 2 %}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.length }}{{ loop.first }} {% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}{% for k in d.keys() %}{{ k }}{% endfor %}{% for v in d.values() %}{{ v }}{% endfor %}
{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}
{% for c in 'héy' %}{{ c }}.{% endfor %}
{% for a, b in [[1, 2], (3, 4), 'xy'] %}{{ a }}{{ b }}{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for x in list %}{% for y in 'ab' %}{{ loop.index }}{{ y }}{{ loop.depth }}{% endfor %}{{ loop.index }};{% endfor %}
{% for x in list %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in [1] %}{% break %}{% else %}else{% endfor %}
{% for x in [1, 2] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% else %}else{% endfor %}
{% for x in [1, 2] %}{% continue %}{% else %}else{% endfor %}
{% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }}{% endfor %}{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{% for n in tree recursive %}{{ n.n }}{{ loop.depth }}{% if n.kids %}({{ loop(n.kids) }}){% endif %}{% endfor %}
{% for x in list %}{% if x == 1 %}{% set y = x %}{% endif %}{{ y }}{% endfor %}{{ y }}
{% for x in list %}{{ x }}{% endfor %}{{ x }}{{ loop }}
{% for x in list|map('string') %}{{ x }}{{ loop.length }}{% endfor %}
{% for x in messages %}{{ loop.index0 }}{{ x.role }}{{ loop.last }}{% endfor %}
{% for x in list if loop is defined %}{{ x }}{% endfor %}
{% set seen = namespace(v=none) %}{% for x in [1, 1, 2] if x != seen.v %}{% set seen.v = x %}{{ x }}{% endfor %}
{% for x in range(3) %}{{ x }}{% else %}e{% endfor %}{% for x in range(0) %}{{ x }}{% else %}e{% endfor %}
--- macros
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c='y') }} {{ m(c=1, a=2, b=3) }} {{ m() }}
{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m('x')|upper }}{{ m('y') ~ m('z') }}{{ m(m('q')) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
{% macro m(a) %}{{ a }}{{ varargs|length }}{{ kwargs.z }}{% endmacro %}{{ m(1, 2, 3, z=4) }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}inner {{ i }}{% endcall %}
{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(v, k) each(list) %}{{ k }}={{ v }};{% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}
{% macro m() %}{{ outer_var }}{% endmacro %}{% set outer_var = 'late' %}{{ m() }}
{% set x = 1 %}{% macro m() %}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m }}{{ m.name }}{{ m is callable }}{{ m is defined }}
{% macro a() %}a{{ b() }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}
{% macro m(x) %}\n  {{ x }}\n{% endmacro %}{{ m(1) }}|{{ m(2)|trim }}
{% for x in list %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}
{% macro m(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(*[1], **{'b': 2}) }}
{% macro m(loop) %}{{ loop }}{% endmacro %}{{ m(1) }}
--- with, filter, call, generation
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}
{% with a = i, b = a %}{{ b }}{% endwith %}
{% filter upper %}abc {{ s }}{% endfilter %}
{% filter replace('a', 'b') | upper | trim %} banana {% endfilter %}
{% generation %}answer {{ i }}{% endgeneration %}
{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}
{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}
--- text filters
{{ s|upper }} {{ s|lower }} {{ 'hELLO wORLD'|capitalize }} {{ 'hello wORLD-foo (bar) x_y'|title }} {{ u|upper }} {{ u|lower }} {{ u|title }} {{ u|capitalize }}
{{ spaces|trim }}| {{ 'xxaxx'|trim('x') }} {{ ' a '|trim|length }} {{ 5|trim }} {{ '\u00a0x\u2003'|trim }}|
{{ s|replace('l', 'L') }} {{ s|replace('l', 'L', 1) }} {{ 'aaa'|replace('aa', 'b') }} {{ 'ab'|replace('', '-') }} {{ 5|replace(5, 6) }} {{ s|replace('x', 'y') }}
{{ s|length }} {{ u|length }} {{ list|length }} {{ d|count }} {{ missing|length }} {{ empty|length }} {{ emoji|length }}
{{ 'a'|center(5) }}|{{ 'ab'|center(5) }}|{{ 'abc'|center(2) }}|{{ 'abc'|center(6) }}|
{{ lines|indent }}|{{ lines|indent(2, true) }}|{{ lines|indent(2, blank=true) }}|{{ lines|indent('> ') }}|{{ 'x'|indent }}|{{ empty|indent }}|{{ 'a\n'|indent(1, first=true) }}
{{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(9, true) }} {{ 'foo bar baz qux'|truncate(9, false, '', 0) }} {{ 'foo bar baz qux'|truncate(14) }} {{ 'foobarbazqux'|truncate(5, leeway=0) }}
{{ s|wordcount }} {{ 'a-b c_d é1'|wordcount }} {{ empty|wordcount }}
{{ html|e }} {{ html|escape|e }} {{ html|e|forceescape }} {{ 'a' ~ ('<'|e) }} {{ ('<'|e) + '<' }} {{ '<' + ('<'|e) }} {{ ('<b>'|safe) ~ '<' }} {{ ('%s'|safe) % '<' }} {{ '<'|safe|upper }}
{{ ['<'|e] }} {{ ('<'|e)|string|e }} {{ '<'|safe is escaped }} {{ '<' is escaped }} {{ ('a,<'|safe).split(',') }} {{ ('-'|safe).join(['<', '>']) }} {{ ('<'|safe).replace('<', '>') }}
{{ html|striptags }} {{ '<p>a</p>  <b> b\n c</b> &amp; 1 < 2'|striptags }}
{{ s|string }} {{ i|string ~ 'x' }} {{ nothing|string }} {{ [1]|string|length }}
{{ '%s and %s'|format(1, 'b') }} {{ '%(x)s'|format(x=5) }} {{ 'no'|format }}
{{ 'a b&c/d?é'|urlencode }} {{ {'a b': 'c&d', 'e': 1}|urlencode }} {{ [('x', 'y z')]|urlencode }} {{ 5|urlencode }}
{{ {'class': 'a "b"', 'id': none, 'x': 5}|xmlattr }}|{{ {'a': 1}|xmlattr(false) }}|
{{ 100|filesizeformat }} {{ 1|filesizeformat }} {{ 1500|filesizeformat }} {{ 1536|filesizeformat(true) }} {{ 123456789|filesizeformat }} {{ 1e30|filesizeformat }}
--- number filters
{{ -5|abs }} {{ (-5)|abs }} {{ n|abs }} {{ g|abs }} {{ true|abs }}
{{ 42.55|round }} {{ 42.55|round(1) }} {{ 42.55|round(1, 'floor') }} {{ 42.55|round(1, 'ceil') }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 5|round }} {{ 5|round(2) }} {{ 1234|round(-2) }} {{ 1250|round(-2) }} {{ 1234.5|round(-2) }} {{ -2.5|round }} {{ 42|round(0, 'ceil') }} {{ 0.5|round|int }}
{{ '42'|int }} {{ '42.7'|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ 3.9|int }} {{ -3.9|int }} {{ '0x1F'|int(base=16) }} {{ '1f'|int(0, 16) }} {{ '101'|int(0, 2) }} {{ ' 12 '|int }} {{ '1_000'|int }} {{ none|int }} {{ true|int }} {{ '1e3'|int }} {{ empty|int }} {{ 'x'|int('d') }} {{ [1]|int }} {{ '+5'|int }} {{ '-5'|int }} {{ 'inf'|int(3) }}
{{ '3.5'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 2|float }} {{ '1e3'|float }} {{ 'inf'|float }} {{ 'nan'|float }} {{ '-Infinity'|float }} {{ none|float }} {{ true|float }} {{ ' 1.5 '|float }} {{ '1_0.5'|float }} {{ '.5'|float }} {{ '5.'|float }}
{{ list|sum }} {{ people|sum(attribute='age') }} {{ [1.5, 2]|sum }} {{ [[1], [2]]|sum(start=[]) }} {{ []|sum }} {{ [1]|sum(start=10) }} {{ nested|sum(attribute=0) }}
{{ list|max }} {{ list|min }} {{ words|max }} {{ words|min }} {{ people|max(attribute='age') }} {{ []|max }} {{ words|min(case_sensitive=true) }} {{ [1, 2.5]|max }} {{ (people|min(attribute='city.name')).name }}
--- defaults
{{ missing|default('d') }} {{ missing|d }}| {{ empty|default('d') }}| {{ empty|default('d', true) }} {{ none|default('d') }} {{ none|d('d', boolean=true) }} {{ d.missing|default('d') }} {{ 0|default(5, true) }} {{ missing|default(default_value='k') }} {{ missing|default(missing) }}
--- list filters
{{ list|sort }} {{ list|sort(reverse=true) }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ words|sort(true, true) }} {{ people|sort(attribute='age')|map(attribute='name')|list }} {{ people|sort(attribute='age,name')|map(attribute='name')|join }} {{ people|sort(attribute='city.name', reverse=true)|map(attribute='name')|list }} {{ d|sort }} {{ 'hello'|sort }} {{ nested|sort(attribute=0, reverse=true) }}
{{ d|dictsort }} {{ d|dictsort(true) }} {{ d|dictsort(false, 'value') }} {{ d|dictsort(reverse=true) }} {{ d|dictsort(by='value', reverse=true) }}
{{ words|unique|list }} {{ [1, 1.0, true, 2]|unique|list }} {{ words|unique(case_sensitive=true)|list }} {{ people|unique(attribute='age')|map(attribute='name')|list }}
{{ list|first }} {{ list|last }} {{ s|first }} {{ s|last }} {{ []|first }}| {{ []|last }}| {{ d|first }} {{ d|last }} {{ range(3)|last }} {{ d.items()|first }} {{ missing|first }}
{{ list|join }} {{ list|join(', ') }} {{ people|join(', ', attribute='name') }} {{ people|join(attribute='city.name', d='/') }} {{ mixed|join('|') }} {{ s|join('.') }} {{ missing|join('x') }}| {{ ['<'|e, '<']|join('<') }} {{ [1, [2, none]]|join(1) }}
{{ list|reverse|list }} {{ s|reverse }} {{ d|reverse|list }} {{ (1, 2)|reverse|join }} {{ emoji|reverse }}
{{ list|list }} {{ s|list }} {{ d|list }} {{ (1, 2)|list }} {{ range(3)|list }} {{ missing|list }} {{ d.items()|list }}
{{ list|map('string')|list }} {{ words|map('upper')|join(',') }} {{ people|map(attribute='name')|list }} {{ people|map(attribute='extra', default='-')|list }} {{ people|map(attribute='city.name')|list }} {{ words|map('replace', 'p', 'P')|list }} {{ nested|map(attribute=0)|list }} {{ nested|map('first')|list }} {{ nested|map(attribute='0')|list }} {{ words|map('truncate', 3, leeway=0, end='.')|list }} {{ none|map('x')|list }}
{{ list|select('>', 1)|list }} {{ list|select('odd')|list }} {{ mixed|select|list }} {{ list|reject('odd')|list }} {{ mixed|reject|list }} {{ list|select('in', [1, 2])|list }} {{ mixed|select('string')|list }} {{ list|select('divisibleby', 3)|list }} {{ words|select('equalto', 'fig')|list }} {{ list|select('ne', 1)|list }}
{{ people|selectattr('extra')|map(attribute='name')|list }} {{ people|selectattr('age', 'gt', 26)|map(attribute='name')|list }} {{ people|rejectattr('extra', 'defined')|map(attribute='name')|list }} {{ people|selectattr('city.name', '==', 'Oslo')|map(attribute='name')|list }} {{ people|rejectattr('age', 'equalto', 30)|map(attribute='name')|list }} {{ messages|selectattr('role', 'in', ['user', 'system'])|list|length }}
{% for g, xs in people|groupby('age') %}{{ g }}:{{ xs|map(attribute='name')|join(',') }};{% endfor %}{% for g in people|groupby('city.name') %}{{ g.grouper }}{{ g.list|length }} {% endfor %}{{ people|groupby('extra', default=false)|length }} {{ people|groupby('city.name', case_sensitive=true)|map('first')|list }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 'x')|list }} {{ [1, 2, 3, 4, 5]|slice(2)|list }} {{ [1, 2, 3, 4, 5]|slice(3, 'x')|list }} {{ [1]|slice(3)|list }} {{ []|batch(3)|list }}
{{ d|items|list }} {% for k, v in d|items %}{{ k }}{{ v }}{% endfor %} {{ missing|items|list }}
{% set g = list|map('string') %}{{ g|join }}{{ g|join }}|{% set h2 = list|select %}{{ h2|first }}{{ h2|list }}
{{ (list|map('string'))[0] }}|{{ list|map('string') is sequence }}{{ list|map('string') is iterable }}{{ list|map('string') is string }}{{ d.items() is sequence }}{{ d|items is mapping }}
--- JSON
{{ mixed|tojson }} {{ d|tojson }} {{ s|tojson }} {{ quote|tojson }} {{ u|tojson }} {{ none|tojson }} {{ true|tojson }} {{ 1.0|tojson }} {{ html|tojson }} {{ control|tojson }} {{ (1, 2)|tojson }}
{{ people|tojson(indent=2) }}
{{ deep|tojson(indent=4) }}{{ []|tojson(indent=2) }}{{ {}|tojson(indent=2) }}{{ [[], {}]|tojson(indent=1) }}{{ [1, [2]]|tojson(indent='--') }}{{ [1, 2]|tojson(indent=0) }}
{{ d|tojson(sort_keys=true) }} {{ u|tojson(ensure_ascii=true) }} {{ emoji|tojson(true) }} {{ d|tojson(separators=(',', ':')) }} {{ [1, {'a': 2}]|tojson(indent=2, separators=(',', ': ')) }} {{ control|tojson(ensure_ascii=true) }}
{{ {1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson }} {{ 1e100|tojson }} {{ 'inf'|float|tojson }} {{ 'nan'|float|tojson }} {{ 1e16|tojson }} {{ '/</script>'|tojson }} {{ '\b\f\v'|tojson }}
{{ (json|from_json).a[1] }} {{ json|from_json }} {{ '[1, "a"]'|from_json|last }} {{ '5'|from_json + 1 }}
{{ ('<'|e)|tojson }} {{ ['a']|map('tojson')|list }} {{ '"'|tojson|tojson }}
--- tests
{{ s is string }} {{ i is string }} {{ i is number }} {{ f is number }} {{ yes is number }} {{ s is number }} {{ i is integer }} {{ yes is integer }} {{ f is integer }} {{ f is float }} {{ i is float }} {{ yes is boolean }} {{ i is boolean }}
{{ yes is true }} {{ 1 is true }} {{ no is false }} {{ 0 is false }} {{ nothing is none }} {{ missing is none }} {{ missing is defined }} {{ missing is undefined }} {{ nothing is defined }} {{ d.x is defined }} {{ d.a is not defined }} {{ 'x' is not none }}
{{ d is mapping }} {{ list is mapping }} {{ list is sequence }} {{ s is sequence }} {{ d is sequence }} {{ i is sequence }} {{ missing is sequence }} {{ range(3) is sequence }} {{ list is iterable }} {{ s is iterable }} {{ i is iterable }} {{ d is iterable }} {{ missing is iterable }} {{ nothing is iterable }} {{ namespace() is mapping }}
{{ 4 is even }} {{ 4 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 3.0 is odd }} {{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is lessthan 0 }} {{ 2 is gt 1 }} {{ 2 is greaterthan 3 }} {{ 1 is le 1 }} {{ 1 is ge 2 }} {{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1, 2] }}
{{ 'abc' is lower }} {{ 'aBc' is lower }} {{ 'ABC' is upper }} {{ '1' is upper }} {{ '' is lower }} {{ 'é1' is lower }} {{ 5 is lower }} {{ none is sameas none }} {{ true is sameas true }} {{ 1 is sameas true }} {{ list is sameas list }} {{ d is sameas list }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }} {{ range is callable }} {{ s is callable }} {{ s.upper is callable }} {{ missing is callable }} {{ 'x' is escaped }}
{{ 1 is not string and 2 is number }} {{ (1 if 2 is even else 3) is eq 1 }}
{{ yes is not sameas no }} {{ [1] is eq [1] }} {{ list is defined and list }}
--- string methods
{{ s.upper() }} {{ s.lower() }} {{ 'aB c'.title() }} {{ "they're bill's".title() }} {{ 'aBC'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'Straße'.casefold() if no else 'x' }}
{{ spaces.strip() }}|{{ spaces.lstrip() }}|{{ spaces.rstrip() }}|{{ 'xyaxy'.strip('xy') }}|{{ 'xya'.lstrip('xy') }}|{{ 'axy'.rstrip('yx') }}|{{ 'x'.strip('xyz') }}|{{ ' a'.strip(none) }}|{{ 'éaé'.strip('é') }}
{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ spaces.split() }} {{ ' a b c '.split(none, 1) }} {{ 'abc'.split('x') }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b'.split(sep=',') }} {{ 'a--b--'.split('--') }} {{ 'a b'.split(maxsplit=0) }} {{ ' a  b '.split(' ') }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c '.rsplit(none, 1) }} {{ ' a b c '.rsplit() }} {{ 'a,b,c'.rsplit(',') }} {{ 'a/b/c'.partition('/') }} {{ 'a/b/c'.rpartition('/') }} {{ 'abc'.partition('/') }} {{ 'abc'.rpartition('/') }}
{{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ ''.splitlines() }} {{ 'a\n'.splitlines() }} {{ 'a\x0bb\x1cc\u2028d'.splitlines() }}
{{ ', '.join(words) }} {{ ''.join(['a']) }} {{ '-'.join('abc') }} {{ '-'.join([]) }} {{ ','.join(d) }}
{{ s.replace('o', '0') }} {{ s.replace('o', '0', 1) }} {{ 'aaa'.replace('a', 'bb') }} {{ 'abc'.replace('', '-') }} {{ 'abc'.replace('', '-', 2) }} {{ ''.replace('', 'x') }}
{{ s.startswith('Hell') }} {{ s.startswith(('x', 'H')) }} {{ s.endswith('ld') }} {{ s.endswith(('x', 'y')) }} {{ s.startswith('World', 7) }} {{ s.endswith('ell', 0, 4) }} {{ ''.startswith('') }} {{ s.startswith('x', 100) }} {{ s.startswith('', 100) }}
{{ s.find('o') }} {{ s.find('o', 5) }} {{ s.rfind('o') }} {{ s.find('x') }} {{ s.index('W') }} {{ s.rindex('l') }} {{ s.count('l') }} {{ s.count('') }} {{ s.count('o', 5) }} {{ u.find('ß') }} {{ u.rfind('ß') }} {{ s.find('o', 0, 3) }} {{ s.find('', 3) }} {{ s.find('l', -3) }} {{ 'aaa'.count('aa') }} {{ s.rfind('') }}
{{ 'ab'.center(6) }}|{{ 'ab'.center(7, '*') }}|{{ 'abc'.center(6, '*') }}|{{ 'ab'.ljust(4) }}|{{ 'ab'.rjust(4, '.') }}|{{ '42'.zfill(5) }}|{{ '-42'.zfill(5) }}|{{ 'abc'.zfill(2) }}|{{ 'ab'.ljust(1) }}|{{ 'a\tb'.expandtabs(4) }}|{{ '\t'.expandtabs() }}|
{{ 'abc'.isalpha() }} {{ 'ab1'.isalpha() }} {{ 'ab1'.isalnum() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ ' \t'.isspace() }} {{ ''.isspace() }} {{ 'ab'.islower() }} {{ 'AB'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ 'Ab cd'.istitle() }} {{ 'aé'.isascii() }} {{ ''.isascii() }} {{ 'a\n'.isprintable() }} {{ 'é'.isalpha() }} {{ '中'.isalpha() }} {{ ''.isalpha() }}
{{ 'foobar'.removeprefix('foo') }} {{ 'foobar'.removesuffix('bar') }} {{ 'foobar'.removeprefix('x') }} {{ 'foobar'.removesuffix('') }}
{{ '{} {}'.format(1, 'b') }} {{ '{1} {0}'.format(1, 2) }} {{ '{a}-{b}'.format(a=1, b=2) }} {{ '{{}}'.format() }} {{ '{0.name}'.format(people[0]) }} {{ '{0[name]}'.format(people[0]) }} {{ '{0[1]}'.format(list) }} {{ '{!r} {!s}'.format('a', 'b') }} {{ '{a}'.format_map({'a': 5}) }}
{{ '{:5d}|{:<5d}|{:^5d}|{:>5d}|{:05d}|{:+d}|{: d}'.format(42, 42, 42, 42, 42, 42, 42) }} {{ '{:x} {:X} {:o} {:b} {:#x} {:#b}'.format(255, 255, 8, 5, 255, 5) }} {{ '{:,}'.format(1234567) }} {{ '{:_}'.format(1234567) }} {{ '{:,.2f}'.format(1234567.891) }}
{{ '{:.2f}|{:8.3f}|{:<8.1f}|{:e}|{:g}|{:%}|{:.1%}'.format(3.14159, 3.14159, 3.14159, 12345.678, 0.00001, 0.256, 0.256) }} {{ '{:5}|{:<5}|{:^5}|{:>5}|{:*^7}|{:.2}'.format('ab', 'ab', 'ab', 'ab', 'ab', 'abc') }} {{ '{:{}}|'.format('a', 5) }} {{ '{:.3}'.format(3.14159) }} {{ '{}'.format(1.0) }} {{ '{:5}'.format(true) }} {{ '{:d}'.format(true) }} {{ '{:.0f}'.format(2.5) }} {{ '{:é>4}'.format('a') }} {{ '{:=+6d}'.format(5) }}
{{ s.nothing }}{{ s.nothing is defined }}
--- list and dict methods
{{ list.count(1) }} {{ list.index(2) }} {{ (1, 2, 1).count(1) }} {{ (1, 2).index(2) }} {{ [1, 2, 1].index(1, 1) }} {{ list.copy() }}
{{ d.keys() }} {{ d.values() }} {{ d.items() }} {{ d.get('a') }} {{ d.get('x') }} {{ d.get('x', 5) }} {{ d.keys()|list }} {{ d.items()|length }} {{ d.copy() }} {{ {}.items() }} {{ d.get('x') is none }}
{{ list.append is defined }}{{ d.pop is defined }}{{ list.append }}
{{ range(5) }} {{ range(2, 5) }} {{ range(0, 10, 3) }} {{ range(5)|list }} {{ range(5, 0, -2)|list }} {{ range(0)|list }} {{ range(3)|length }} {{ 2 in range(3) }} {{ range(3) == range(3) }} {{ range(10, 0)|list }}
{{ dict(a=1, b=2) }} {{ dict({'a': 1}, b=2) }} {{ dict([('a', 1)]) }} {{ dict() }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
{% set j = joiner('; ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %} {% set k = joiner() %}{{ k() }}a{{ k() }}
--- time
{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%B %d, %Y') }} {{ strftime_now('%A %a %H:%M:%S %I %p %j %U %W %w %y %% %-d %-m %e') }} {{ strftime_now('%c|%x|%X|%D|%F|%T|%R|%G-W%V-%u|%f|%z|%Z|%h|%C|%k|%l|%n|%t|%g') }} {{ strftime_now('no') }} {{ strftime_now('%-H %-I %-j') }}
--- undefined
{{ missing ~ 'x' }} {{ missing == missing2 }} {{ missing == none }} {{ missing or 'x' }} {{ missing|string|length }} {{ [missing] }} {{ missing in [1] }} {{ missing != 1 }} {{ d.x|default('y')|upper }} {{ missing|trim }}| {{ missing|upper }}| {{ missing|join }}|
{{ missing.attr }}
{{ missing['x'] }}
{{ d.x.y }}
{{ missing() }}
{{ missing + 1 }}
{{ 1 + missing }}
{{ missing < 1 }}
{{ -missing }}
{{ nothing.x.y }}
{{ s.nothing() }}
{{ list[99].x }}
{{ d.x.y is defined }}
{{ missing|tojson }}
{{ missing|int }}
{{ missing|abs }}
{{ missing[0:1] }}
{{ missing|dictsort }}
{{ (('a' if no) ~ '') }}{{ ('a' if no).x }}
{{ loop.index }}
{% set missing.x = 1 %}
{% for x in list %}{{ loop.previtem.x }}{% endfor %}
{{ ([]|first).x }}
--- errors at run time
{{ raise_exception('Only user and assistant roles are supported!') }}
{% if yes %}{{ raise_exception('got ' ~ i ~ '.') }}{% endif %}
{{ raise_exception("quotes ' \" and é") }}
{{ 1 + 'a' }}
{{ 'a' + 1 }}
{{ 'a' - 'b' }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ none + 1 }}
{{ [1] + (2,) }}
{{ d + d }}
{{ 5 in 5 }}
{{ 1 in 'abc' }}
{{ -'a' }}
{{ 5() }}
{{ 'a'() }}
{{ s.upper(1) }}
{{ s.split('') }}
{{ s.index('nope') }}
{{ list.index(99) }}
{{ list.append(1) }}
{{ d.update({'a': 2}) }}
{{ d.pop('a') }}
{{ {[1]: 2} }}
{{ {{}: 2} }}
{{ 5|length }}
{{ none|length }}
{{ list|map('string')|length }}
{{ 5|list }}
{{ none|join }}
{{ 5|sort }}
{{ mixed|sort }}
{{ list|map('nope')|list }}
{{ list|select('nope')|list }}
{{ list|map|list }}
{{ 'a'|abs }}
{{ 'a'|round }}
{{ [1]|sum(start='') }}
{{ ['a']|sum }}
{{ 5|items|list }}
{{ 5|dictsort }}
{{ d|dictsort(by='x') }}
{{ range(1, 10, 0) }}
{{ range('a') }}
{{ range(1.5) }}
{{ list[::0] }}
{{ list['a':] }}
{{ 'x' % 1 }}
{{ '%d' % 'a' }}
{{ '%s %s' % 1 }}
{{ '%q' % 1 }}
{{ '{} {}'.format(1) }}
{{ '{a}'.format() }}
{{ '{'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:s}'.format(1) }}
{{ range|tojson }}
{{ (list|map('string'))|tojson }}
{{ {(1, 2): 3}|tojson }}
{{ namespace()|tojson }}
{{ 'x'|from_json }}
{{ ','.join([1]) }}
{% for a, b in [[1]] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% set a, b = 5 %}
{% set a, b = [1] %}
{% for x in list %}{{ loop(list) }}{% endfor %}
{% for x in list %}{{ loop.cycle() }}{% endfor %}
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{% endmacro %}{{ m(b=1) }}
{% macro m(a) %}{{ caller() }}{% endmacro %}{{ m(1) }}
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
{% set d2 = {} %}{% set d2.x = 1 %}
{{ s|replace('a') }}
{{ s|upper(1) }}
{{ s|default(nope=1) }}
{{ s|truncate(1) }}
{{ 1 is divisibleby }}
{{ 1|attr }}
{{ 'a'|indent(none) }}
{{ 5|indent }}
{{ dict(1) }}
{{ '9' * '9' }}
{{ 2.5 * 'a' }}
{{ s.startswith(1) }}
{{ {'a b': 1}|xmlattr }}
{{ undefined_function(1) }}
{{ list|batch }}
--- errors of syntax
{{ 
{{ s
{{ s }
{% if yes %}
{% if yes %}x
{% for x in list %}x
{% endif %}
{% else %}
{% for x list %}{% endfor %}
{% for in list %}{% endfor %}
{% for 1 in list %}{% endfor %}
{% if %}{% endif %}
{% nonsense %}
{% %}
{{ }}
{{ 1 + }}
{{ (1 }}
{{ [1, }}
{{ 1) }}
{{ (1] }}
{{ 'abc }}
{{ a b }}
{{ 1 2 }}
{{ s|nope }}
{{ s is nope }}
{{ s| }}
{{ s. }}
{{ s[ }}
{{ s[] }}
{{ f(a=1, 2) }}
{{ f(**a, *b) }}
{{ f(*a, *b) }}
{{ {1} }}
{{ {'a': } }}
{{ not }}
{{ 1 if }}
{{ a = 1 }}
{{ $ }}
{{ a ! b }}
{{ 1 is string is number }}
{% set %}
{% set x %}
{% set 1 = 2 %}
{% set none = 2 %}
{% set x = %}
{% set x.y.z = 1 %}
{% set (a = 1 %}
{% macro %}{% endmacro %}
{% macro m %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m( %}{% endmacro %}
{% call 5 %}{% endcall %}
{% call s %}{% endcall %}
{% filter %}x{% endfilter %}
{% filter nope %}x{% endfilter %}
{% raw %}x
{# x
{% if yes %}{% for x in list %}{% endif %}{% endfor %}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{% do list.append(1) %}
{% break %}
{% continue %}
{% for loop in list %}{% endfor %}
{% generation %}x
{% with a %}{% endwith %}
{{ '\u12' }}
{{ 1.2.3 }}
{{ 0x }}
{{ 007 }}
{{ a..b }}
{{ a.'b' }}
{% endraw %}
{{ 1 if 2 else }}
{{ *a }}
{{ lambda: 1 }}
{{ a ? b : c }}
{{ a && b }}
{{ a || b }}
{{ @ }}
--- several things at once
{% for a in [1,2,3] -%} {{ a }} {%- else -%} none {%- endfor %}
{{ messages | map(attribute='content') | select('string') | map('trim') | join('\n') }}
{%- if messages[0].role == 'system' and messages[0].content is string %}{{ messages[0].content }}{% endif -%}
{{ "%s" | format(messages[0].content) }} {{ "a" "b" ~ 'c' }}
{% set x = {'a': {'b': [1,2,{'c': 3}]}} %}{{ x.a.b[2].c }} {{ x['a']['b'][-1]['c'] }} {{ x.a.b|length }} {{ x }}
{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ loop.index }}{% endif %}{% endfor %}{{ ns.found }}
{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role }}{{ loop.previtem.role if loop.previtem }}{% endfor %}
{{ (messages[1:]|first)['content'].split('<|')[0] }}
{{ messages[-1]['tool_calls'][0]['function']['arguments']|tojson(indent=2)|indent(4) }}
{{ [1,2,3]|map('string')|join(', ') if true else '' }}
{% macro f(a, b=[], c={}) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1, c={'x': 1}) }}{{ f('a', [1]) -}}
{{ d.items()|sort(attribute='1')|list }} {{ d.items()|map('first')|list }} {{ d|items|map('last')|sum }}
{{ 'a' in d and d['a'] > 0 or false }} {{ not d.zzz and true }}
{%- for k, v in d.items() | sort -%}{{ k ~ '=' ~ v }}{{ ',' if not loop.last }}{%- endfor -%}
{{ list|sort|reverse|list }} {{ (list|sort)[0] }} {{ list|sort|first }}
{{ '{"a": 1}' | from_json | tojson }} {{ {'b': 1, 'a': [1.5, none, true]} | tojson(sort_keys=True, indent=1) }}
{{ ''.join(['a', 'b']) ~ ', '.join(d.keys()) }}
{{ 'x' if missing is not defined else missing }}{{ missing is defined and missing }}
{% if s is string and s|length > 3 %}{{ s[:3] + '...' }}{% endif %}
{{ "Hello %s, you are %d" % ("A", 3) }}
{%- set a = 1 -%}{%- set b = a + 1 -%}   {{ a }} {{ b }}
{{ range(1, 4)|list + [4] }} {{ (1, 2) + (3,) }} {{ [0] * 3 }} {{ range(3)|sum }} {{ range(10)|select('even')|list }}
{{ 5 // 2 * 2 + 5 % 2 == 5 }} {{ 2 + 3 ~ 4 }} {{ 'a' ~ 1 + 2 if false else 'ok' }}
{{ -3 // 2 }} {{ -3 % 2 }} {{ 3.7 // 1 }} {{ 1e3|int }} {{ '3' * 2 }} {{ true + true }} {{ true and 1 }}
{{ u|replace('ß', 'ss') }} {{ u.split(', ') }} {{ u[::-1] }} {{ u|list|length }}
a {%- raw %} {{ x }} {%+ endraw -%} b
{#- c -#} {# {{ s }} #}{{ s }}{# #}
{{ [[1, 2], [3]]|sum(start=[]) }} {{ [{'a': 1}, {'a': 2}]|sum('a') }} {{ ['b', 'a']|sort|join }} {{ ['B', 'a']|sort }} {{ [3, 1]|min }} {{ {'a': 2, 'b': 1}|max }}
{{ 1.0|string }} {{ 1.5|int|string }} {{ '1'|int + 1 }} {{ 10|float }} {{ 1234567.0 }} {{ 1e22 }} {{ 1.1e-10 }} {{ 100000000000000000000.0 }}
{%- macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}o{% endmacro %}{{ outer() }}
{% set t %}{% for x in [1, 2] %}{{ x }}{% endfor %}{% endset %}{{ t|length }}{{ t }}
{% for x in [1, 2, 3] %}{% if loop.first %}<{% endif %}{{ x }}{% if loop.last %}>{% else %}-{% endif %}{% endfor %}
{% call(x) (none or f) %}{% endcall %}
{{ loop is defined }}{% for i in [1] %}{{ loop is defined }}{{ loop }}{% endfor %}
{{ {'a':1}.a }} {{ [1,2].0 }} {{ (1,2)[1] }} {{ 'abc'.1 }} {{ {'x': [1]}.x.0 }} {{ "a".upper()|lower }}
{{ 'a,b'|replace(',', ';') }} {{ s.split()|last }} {{ s|lower|title }} {{ ' x '.strip() ~ '|' }} {{ 'abc'|first|upper }}
{{ namespace(a=1).a }} {{ dict(a=1).a if dict is defined }} {{ joiner is defined }}
{{ d.get('a', 0) + d.get('zz', 10) }} {{ d.get('b')|string ~ 'x' }} {{ d.keys()|list|sort }} {{ d.values()|sum }}
{{ 1 if d else 2 }} {{ 1 if {} else 2 }} {{ 1 if [] else 2 }} {{ 1 if '' else 2 }} {{ 1 if 0 else 2 }} {{ 1 if namespace() else 2 }}
{{ words|sort(attribute='0')|join }} {{ people|map(attribute='city')|map(attribute='name')|list }} {{ people|groupby('age')|map('last')|map('length')|list }}
{{ 'abc' is in ['abc'] }} {{ 3 is in (1, 2) }} {{ none is none }} {{ 'A' is upper and 'a' is lower }} {{ [] is sequence }} {{ {} is iterable }}
{{ '%.3f' % 2 }} {{ '%5.1f|' % 3.14159 }} {{ '%-10s|' % 'hi' }} {{ '%03d' % 7 }} {{ '%s %%' % 5 }} {{ '%r' % 'a' }}
{{ s|truncate(8, true) }} {{ s|truncate(5, false, '…', 0) }} {{ 'a b'|wordcount }} {{ 'abc'|batch(2)|list }} {{ 'abcd'|slice(2)|list }}
--- templates as models use them
{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'].strip() + '\n\n' %}{% else %}{% set loop_messages = messages %}{% set system_message = '' %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 %}{% set content = system_message + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}
{%- set ns = namespace(last=-1) -%}{%- for m in messages -%}{%- if m.role == 'user' and not m.content.startswith('<tool') -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}{{ ns.last }}{%- for i in range(ns.last, messages|length) %} {{ messages[i].role }}{%- endfor %}
{%- for tc in messages[2].tool_calls %}{%- set f = tc.function %}{{ '{"name": "' ~ f.name ~ '", "arguments": ' }}{%- if f.arguments is string %}{{ f.arguments }}{%- else %}{{ f.arguments | tojson }}{%- endif %}{{ '}' }}{%- endfor %}
{%- macro render(p, level=0) -%}{%- if p is mapping -%}{%- for k, v in p|dictsort -%}{{ '  ' * level }}{{ k }}:{{ '\n' }}{{ render(v, level + 1) }}{%- endfor -%}{%- elif p is iterable and p is not string -%}{%- for v in p -%}{{ render(v, level) }}{%- endfor -%}{%- else -%}{{ '  ' * level }}{{ p }}{{ '\n' }}{%- endif -%}{%- endmacro -%}{{ render(deep) }}{{ render(d) }}
{%- set content = '<think>\nhm\n</think>\n\nanswer' %}{%- if '</think>' in content %}{%- set r = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}[{{ r }}][{{ content }}]
{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ message.role }} {%- endfor %}
{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|first }} {{ (messages|last).role }} {{ messages|map(attribute='role')|unique|join('/') }}
"""


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Generation(Extension):
    """The tag by which a template says which of its output an assistant wrote."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_pass_on"), [], [], body).set_lineno(line)

    def _pass_on(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
    env.filters["tojson"] = tojson
    env.filters["from_json"] = json.loads
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = lambda form: datetime(2026, 1, 31, 9, 5).strftime(form)
    return env


def template_of(line):
    # An escape stands for itself inside an expression's quotes, so only those of the data are decoded here.
    out, inside, i = "", False, 0
    while i < len(line):
        pair = line[i:i + 2]
        if pair in ("{{", "{%"):
            inside = True
        elif pair in ("}}", "%}"):
            inside = False
        if not inside and pair in ("\\n", "\\r"):
            out += "\n" if pair == "\\n" else "\r"
            i += 2
            continue
        if not inside and line[i:i + 6] == "\\u00a0":
            out += "\u00a0"
            i += 6
            continue
        out += line[i]
        i += 1
    return out


def main():
    env, rows = environment(), []
    for line in CASES.split("\n"):
        if not line or line.startswith("--- "):
            continue
        template = template_of(line)
        try:
            text = env.from_string(template).render(bos_token="<s>", eos_token="</s>",
                                                    **json.loads(json.dumps(VARIABLES)))
            rows.append([template, text])
        except Exception as e:
            rows.append([template, None, type(e).__name__, str(e)])
    print("{")
    print(' "variables":', json.dumps(VARIABLES, ensure_ascii=False) + ",")
    print(' "rows": [')
    print(",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows))
    print(" ]\n}")
    print(len(rows), "rows,", sum(row[1] is not None for row in rows), "with text; jinja2", jinja2.__version__,
          file=sys.stderr)


main()
