"""What a behaviour file may look like, and what is said of one that cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.engines.chromium.browser import ChromiumEngine
from carga.errors import BehaviourError
from carga.page.behaviour import CHARACTERS_MAX, prepare_behaviour

DEFAULT = "export default async function (user) { }"

GOOD = {
    "anonymous": DEFAULT,
    "named": "export default async function zap(user) { }",
    "not async": "export default function (user) { }",
    "arrow": "export default async (user) => { };",
    "arrow without brackets": "export default user => user.press('a')",
    "identifier": "async function zap(user) { }\nexport default zap;",
    "identifier before its function": "export default zap\nasync function zap(user) { }",
    "named, used before": "const again = () => zap;\nexport default function zap(user) { }\nagain();",
    "no semicolon, then a bracket": "export default function (user) { }\n(() => {})();",
    "no semicolon, then a statement": "export default function (user) { } const after = 1;",
    "call": "const make = () => async () => {};\nexport default make();",
    "parenthesised": "export default (async function (user) { });",
    "over lines": "export\n  default\n  async function\n  zap\n  (user) { }",
    "comment between": "export /* the */ default // one\n function /* no name */ (user) { }",
    "generator in name": "export default function $zap_1(user) { }",
    "words in strings": "const a = 'export default', b = \"import x\", c = `export ${'import y'}`;\n" + DEFAULT,
    "words in comments": "// export default 1\n/* import x from 'y'\n export default */\n" + DEFAULT,
    "nested templates": "const a = `1 ${`2 ${'}'} export default ${{ a: `}` }.a}`} import x`;\n" + DEFAULT,
    "escapes in templates": "const a = `\\` export default \\${ import x`;\n" + DEFAULT,
    "dollar in template": "const a = `$ $$ $${1} export default 2`;\n" + DEFAULT,
    "regex": "const a = /['\"`] export default [/`]/gi.test('x');\n" + DEFAULT,
    "regex after bracket": "if (true) /`/.test('x');\n" + DEFAULT,
    "regex after block": "{ }\n/`/.test('x');\n" + DEFAULT,
    "regex after return": "const f = () => { return /`/; };\n" + DEFAULT,
    "division": "const a = 4 / 2, b = (4) / 2 / a, c = [4][0] / 2; let d = 1; d++ / 2;\n" + DEFAULT,
    "division of a property": "const o = { return: 4 }; const a = o.return / 2; const b = '`' ;\n" + DEFAULT,
    "division of an object": "const a = { valueOf: () => 4 } / 2; const b = '/`';\n" + DEFAULT,
    "division of a template": "const a = `4` / 2; const b = '/`';\n" + DEFAULT,
    "properties": "const o = { import: 1, export: 2 }; o.import; o?.export;\nconst p = o\n.export;\n" + DEFAULT,
    "method": "class A { export() {} import() {} }\n" + DEFAULT,
    "dynamic import": "const later = () => import('./x.js');\n" + DEFAULT,
    "unicode": "const größe = '→', ключ = `\u2028`;\nexport default function größer(user) { }",
    "line ends of Windows": "// one\r\n" + DEFAULT + "\r\n",
    "ends in a comment": DEFAULT + " // the end",
}


@pytest.mark.parametrize("name", GOOD)
def test_every_form_of_a_default_export_is_taken(name: str) -> None:
    source = GOOD[name]
    prepared = prepare_behaviour("zapper.js", source)
    assert prepared.count("\n") == source.count("\n") + 1, "lines must stay where they are"


@pytest.mark.e2e
async def test_every_form_gives_a_function_in_a_browser() -> None:
    browser = await ChromiumEngine().open_browser("none")
    try:
        for name, source in GOOD.items():
            prepared = prepare_behaviour("zapper.js", source)
            assert await browser.check_script(prepared, "zapper.js") == "", name
    finally:
        await browser.close()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "there is no default export"),
        ("async function zap(user) { }", "there is no default export"),
        ("const a = `export default 1`", "there is no default export"),
        ("function a() { export default 1 }", "there is no default export"),
        ("// one\nimport x from './x.js';\n" + DEFAULT, "zapper.js:2: A behaviour cannot import"),
        ("import './x.js';\n" + DEFAULT, "zapper.js:1: A behaviour cannot import"),
        ("import * as x from './x.js';\n" + DEFAULT, "zapper.js:1: A behaviour cannot import"),
        ("import {x} from './x.js';\n" + DEFAULT, "zapper.js:1: A behaviour cannot import"),
        (DEFAULT + "\n\nexport const a = 1;", "zapper.js:3: Only a default export is allowed"),
        ("function f() {}\nexport { f as default };", "zapper.js:2: Only a default export is allowed"),
        (DEFAULT + "\nexport default 2;", "zapper.js:2: There is a second default export"),
        ("`${`\n`}`;\nexport const a = 1", "zapper.js:3: Only a default export is allowed"),
        ("x" * (CHARACTERS_MAX + 1), "more than 1000000"),
    ],
)
def test_what_a_behaviour_cannot_be_is_said_with_its_line(source: str, words: str) -> None:
    with pytest.raises(BehaviourError) as caught:
        prepare_behaviour("zapper.js", source)
    assert words in caught.value.problem
    assert caught.value.remedy


# fmt: off
_PIECES = st.sampled_from([
    "export", " default ", "import", "`", "${", "}", "{", "(", ")", "/", "*/", "/*", "//", "\n", "'", '"', "\\", "x",
    ";", "function", "async ", "=>", "[", "]", ".", "if", "++", "$", "é", "\u2028", "1",
])
# fmt: on


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
def test_any_text_is_prepared_or_refused(source: str) -> None:
    try:
        prepared = prepare_behaviour("zapper.js", source)
    except BehaviourError:
        return
    assert prepared.startswith('(() => { "use strict";')
