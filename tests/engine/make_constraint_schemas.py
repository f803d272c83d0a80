#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/constraint_schemas.json: random schemas, each with texts that satisfy it and texts that don't.

Needs the packages jsonschema (the judge of every text) and llguidance (asked for each text too; where it compiles the
schema and disagrees on a valid text, it is told on standard error). Run it when the list is to change; tests only read it.
"""
import json
import random
import sys

import jsonschema
import llguidance

WORDS = ["a", "id", "name", "é", "x y", 'q"t', "back\\slash", "日本", "tab\t", "", "value", "😀", "ab"]
PATTERNS = {"^[a-z]{2,4}$": ["ab", "abcd"], "^\\d+$": ["1", "007"], "b": ["abc", "b", 'x"b'], "^x": ["x", "xé"],
            "^(red|green)$": ["red", "green"], "^[^\"]*$": ["", "a\\b"], "[0-9]$": ["a1"]}
FORMATS = {"date": ["2026-11-22"], "date-time": ["2026-11-22T10:00:00Z"], "time": ["23:59:59+01:00"],
           "ipv4": ["127.0.0.1", "255.1.20.3"], "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
           "email": ["someone@example.org"], "ipv6": ["::1", "1:2:3:4:5:6:7:8"], "hostname": ["example.org"]}


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def schema(self, depth):
        kinds = ["string", "integer", "number", "boolean", "null", "enum", "const"]
        if depth > 0:
            kinds += ["array", "object", "object", "anyOf", "oneOf", "allOf", "types", "ref"]
        return getattr(self, "make_" + self.random.choice(kinds))(depth)

    def make_string(self, _):
        r = self.random
        schema = {"type": "string"}
        kind = r.randrange(5)
        if kind == 0:
            schema["pattern"] = r.choice(list(PATTERNS))
        elif kind == 1:
            schema["format"] = r.choice(list(FORMATS))
        if kind in (0, 2):
            schema["minLength"] = r.randrange(3)
            schema["maxLength"] = schema["minLength"] + r.randrange(1, 6)
        return schema

    def bounds(self, schema):
        r = self.random
        low = r.choice([-1000, -15, -1, 0, 1, 7, 99, 123])
        if r.random() < .7:
            schema[r.choice(["minimum", "exclusiveMinimum"])] = low
        if r.random() < .7:
            schema[r.choice(["maximum", "exclusiveMaximum"])] = low + r.choice([2, 9, 100, 1234])
        return schema

    def make_integer(self, _):
        return self.bounds({"type": "integer"}) if self.random.random() < .6 else {"type": "integer"}

    def make_number(self, _):
        return self.bounds({"type": "number"}) if self.random.random() < .5 else {"type": "number"}

    def make_boolean(self, _):
        return {"type": "boolean"}

    def make_null(self, _):
        return {"type": "null"}

    def make_enum(self, _):
        r = self.random
        return {"enum": [r.choice([r.choice(WORDS), r.randrange(-5, 500), True, None]) for _ in range(r.randrange(1, 5))]}

    def make_const(self, _):
        return {"const": self.random.choice(WORDS + [1, -7, 2.5, False])}

    def make_types(self, _):
        return {"type": self.random.sample(["string", "integer", "boolean", "null"], 2)}

    def make_array(self, depth):
        r = self.random
        schema = {"type": "array"}
        if r.random() < .3:
            schema["prefixItems"] = [self.schema(depth - 1) for _ in range(r.randrange(1, 3))]
        schema["items"] = self.schema(depth - 1) if r.random() < .8 else False
        if r.random() < .6 and schema["items"] is not False:
            schema["minItems"] = r.randrange(3)
            schema["maxItems"] = schema["minItems"] + r.randrange(3)
        return schema

    def make_object(self, depth):
        r = self.random
        names = r.sample([word for word in WORDS if word], r.randrange(1, 4))
        if r.random() < .1:
            return {"type": "object", "patternProperties": {"^[a-z]+$": self.schema(depth - 1)},
                    "additionalProperties": False}
        schema = {"type": "object", "properties": {name: self.schema(depth - 1) for name in names}}
        schema["required"] = [name for name in names if r.random() < .6]
        schema["additionalProperties"] = r.choice([False, False, True, {"type": "integer"}])
        return schema

    def make_anyOf(self, depth):
        return {"anyOf": [self.schema(depth - 1) for _ in range(2)]}

    def make_oneOf(self, depth):
        return {"oneOf": [{"type": "string"}, {"type": "integer", "minimum": 3},
                          {"type": "object", "properties": {"a": {"const": 1}, "b": self.schema(depth - 1)},
                           "required": ["a"], "additionalProperties": False}]}

    def make_allOf(self, depth):
        r = self.random
        inner = {"type": "object", "properties": {"a": self.schema(depth - 1)}, "required": ["a"]}
        more = {"properties": {"b": self.schema(depth - 1)}}
        return r.choice([{"allOf": [inner, more]}, {"allOf": [{"type": "integer", "minimum": 2}], "maximum": 40},
                         {"allOf": [{"type": "string", "minLength": 1}, {"type": "string", "maxLength": 3}]}])

    def make_ref(self, _):
        return {"$ref": self.random.choice(["#/$defs/list", "#/$defs/tree", "#/$defs/short"])}

    def value(self, schema, root, depth=0):
        """A value that is likely to satisfy the schema, members in the schema's order."""
        r = self.random
        if schema is True or schema == {}:
            return r.choice([1, "x", None, [2], {"k": 1}])
        if "$ref" in schema:
            return self.value(root["$defs"][schema["$ref"].split("/")[-1]], root, depth + 1)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self.value(schema[key][-1 if depth > 6 else r.randrange(len(schema[key]))], root, depth + 1)
        if "allOf" in schema:
            merged = {"properties": {}}
            for part in [*schema["allOf"], schema]:
                merged["properties"].update(part.get("properties", {}))
                merged.update({key: value for key, value in part.items() if key not in ("allOf", "properties")})
            return self.value(merged, root, depth + 1)
        if "enum" in schema:
            return r.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type", "object")
        kind = r.choice(kind) if isinstance(kind, list) else kind
        return getattr(self, "value_" + kind)(schema, root, depth)

    def value_null(self, *_):
        return None

    def value_boolean(self, *_):
        return self.random.random() < .5

    def value_string(self, schema, *_):
        r = self.random
        if "pattern" in schema:
            return r.choice(PATTERNS[schema["pattern"]])
        if "format" in schema:
            return r.choice(FORMATS[schema["format"]])
        low = schema.get("minLength", 0)
        return "".join(r.choice('abé😀"\\ \n日') for _ in range(r.randrange(low, schema.get("maxLength", low + 5) + 1)))

    def value_integer(self, schema, *_):
        r = self.random
        low = schema.get("minimum", schema.get("exclusiveMinimum", -50) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 150) - 1)
        return r.choice([low, high, r.randint(low, max(low, high))])

    def value_number(self, schema, *_):
        return self.value_integer(schema) + self.random.choice([0, 0, .5, .25])

    def value_array(self, schema, root, depth):
        r = self.random
        first = schema.get("prefixItems", [])
        values = [self.value(item, root, depth + 1) for item in first]
        if schema.get("items") is not False and depth < 8:
            low = schema.get("minItems", 0)
            for _ in range(r.randrange(low, schema.get("maxItems", low + 2) + 1) - len(values)):
                values.append(self.value(schema["items"], root, depth + 1))
        return values

    def value_object(self, schema, root, depth):
        r = self.random
        if "patternProperties" in schema:
            (inner,) = schema["patternProperties"].values()
            return {name: self.value(inner, root, depth + 1) for name in r.sample(["k", "abc"], r.randrange(3))}
        result = {name: self.value(inner, root, depth + 1) for name, inner in schema.get("properties", {}).items()
                  if name in schema.get("required", []) or (r.random() < .5 and depth < 8)}
        extra = schema.get("additionalProperties", True)
        if extra is not False and r.random() < .4:
            result[r.choice(["more", "i", "nam", "names"])] = 5
        return result

    def damaged(self, value):
        """The value with one thing changed."""
        r = self.random
        if isinstance(value, dict) and value and r.random() < .8:
            name = r.choice(list(value))
            changed = dict(value)
            if r.random() < .3:
                del changed[name]
            elif r.random() < .3:
                changed["zzz"] = []
            else:
                changed[name] = self.damaged(changed[name])
            return changed
        if isinstance(value, list) and value and r.random() < .8:
            at = r.randrange(len(value))
            return value[:at] + [self.damaged(value[at])] + value[at + 1:] if r.random() < .6 else value + value
        return r.choice([None, True, -1, 10 ** 6, 1.5, "", "zzzzzzzzzzzz", [], {}, [[]], {"a": {}}, str(value)])


DEFINITIONS = {"list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/list"}, {"type": "integer"}]}, "maxItems": 3},
               "tree": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/tree"}},
                        "required": ["v"], "additionalProperties": False},
               "short": {"type": "string", "maxLength": 4}}


def text_of(maker, value):
    style = maker.random.choice([{}, {"ensure_ascii": False}, {"separators": (",", ":"), "ensure_ascii": False},
                                 {"indent": 2, "ensure_ascii": False}])
    return json.dumps(value, **{"ensure_ascii": False, **style, "ensure_ascii": False})


def llguidance_accepts(schema, text, tokenizer):
    grammar = llguidance.LLMatcher.grammar_from_json_schema(schema)
    matcher = llguidance.LLMatcher(tokenizer, grammar)
    if matcher.is_error():
        return None
    tokens = tokenizer.tokenize_str(text)
    return matcher.consume_tokens(tokens) and matcher.is_accepting()


def main():
    tokenizer = llguidance.LLTokenizer("byte")
    rows, disagreements, asked = [], 0, 0
    for seed in range(420):
        maker = Maker(seed)
        schema = maker.schema(3)
        root = {**schema, "$defs": DEFINITIONS} if "#/$defs" in json.dumps(schema) else schema
        judge = jsonschema.Draft202012Validator(root, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        valid, invalid = [], []
        for _ in range(24):
            value = maker.value(root, root)
            if maker.random.random() < .5:
                value = maker.damaged(value)
            text = text_of(maker, value)
            good = judge.is_valid(value)
            if text not in valid + invalid and len(valid if good else invalid) < 5:
                (valid if good else invalid).append(text)
        if not valid:
            continue
        source = json.dumps(root, ensure_ascii=False)
        for text in valid:
            answer = llguidance_accepts(source, text, tokenizer)
            asked += answer is not None
            if answer is False:
                disagreements += 1
                print("llguidance refuses", text, "under", source, file=sys.stderr)
        for text in invalid:
            if llguidance_accepts(source, text, tokenizer):
                print("llguidance takes", text, "under", source, file=sys.stderr)
        rows.append({"schema": source, "valid": valid, "invalid": invalid})
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, indent=0)
        file.write("\n")
    print(f"{len(rows)} schemas, {sum(len(row['valid']) for row in rows)} valid and "
          f"{sum(len(row['invalid']) for row in rows)} invalid texts; llguidance judged {asked}, refused {disagreements}")


main()
