"""Rules about the code itself. A new exception needs a reason beside it here, or a line in docs/decisions."""
import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ROOT / "marketplace"
MODULES = sorted(path for path in PRODUCT.rglob("*.py") if "sandbox" not in path.parts)
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in {".html", ".txt", ".xml"})
STATE_COLUMNS = {"state", "moderation", "consent", "stage"}
STATE_WRITERS = {"lifecycle.py"}
MONEY = ("payments/", "bounties/", "referrals/", "foundation/money.py")
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "handler", "handlers", "data", "info", "misc"}


def name_of(path: Path) -> str:
    return path.relative_to(PRODUCT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def nodes(kind: type[ast.AST]) -> list[tuple[str, ast.AST]]:
    return _nodes_by_kind()[kind]


@cache
def _nodes_by_kind() -> dict[type[ast.AST], list[tuple[str, ast.AST]]]:
    """In one walk for all rules."""
    found = defaultdict(list)
    for path in MODULES:
        name = name_of(path)
        for node in ast.walk(tree_of(path)):
            found[type(node)].append((name, node))
    return dict(found)  # A kind that nowhere occurs is a mistake.


def attribute_calls(attribute: str) -> set[str]:
    return {
        name for name, node in nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute
    }


def test_only_the_database_module_commits():
    assert attribute_calls("commit") == {"foundation/db.py"}


def targets_of(node: ast.AST) -> Iterator[ast.expr]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        yield from target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def state_writes() -> set[str]:
    """Modules that set a state on a row: by assignment, by setattr, or by update().values(state=...)."""
    found = set()
    for kind in (ast.Assign, ast.AugAssign, ast.AnnAssign):
        for name, node in nodes(kind):
            found |= {name for t in targets_of(node) if isinstance(t, ast.Attribute) and t.attr in STATE_COLUMNS}
    for name, node in nodes(ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "values" and any(keyword.arg in STATE_COLUMNS for keyword in node.keywords):
            found.add(name)
        if called == "setattr" and len(node.args) > 1 and getattr(node.args[1], "value", "") in STATE_COLUMNS:
            found.add(name)
    return found


def test_only_lifecycles_write_states():
    assert {name for name in state_writes() if Path(name).name not in STATE_WRITERS} == set()


def tables_of_moves() -> dict[str, dict[object, frozenset[object]]]:
    """Every table of allowed moves, found by its name."""
    found = {}
    for path in [path for path in MODULES if "_MOVES" in path.read_text()]:
        for node in tree_of(path).body:
            targets = list(targets_of(node)) if isinstance(node, ast.Assign | ast.AnnAssign) else []
            for target in targets:
                if isinstance(target, ast.Name) and target.id.endswith("_MOVES"):
                    module = "marketplace." + name_of(path).removesuffix(".py").replace("/", ".")
                    found[f"{module}.{target.id}"] = getattr(importlib.import_module(module), target.id)
    return found


TABLES = tables_of_moves()


@pytest.mark.parametrize("table", TABLES)
def test_every_state_has_a_row_and_can_be_reached(table):
    moves = TABLES[table]
    states = set(type(next(iter(moves))))
    assert set(moves) == states
    reached, ahead = set(), [next(iter(moves))]  # The first row is where everything begins.
    while ahead:
        state = ahead.pop()
        reached.add(state)
        ahead += [following for following in moves[state] if following not in reached]
    assert reached == states


def test_there_are_tables_of_moves_to_look_at():
    assert len(TABLES) >= 4


def test_stripe_has_no_such_product_so_nobody_says_the_word():
    forbidden = re.compile("es" + "crow", re.IGNORECASE)
    places = [*MODULES, *TEMPLATES, *(PRODUCT / "payments" / "sandbox").rglob("*.py"), *(ROOT / "static").rglob("*.js"),
              *(PRODUCT / "payments" / "sandbox").rglob("*.html")]
    assert [str(path) for path in places if forbidden.search(path.read_text())] == []


def test_only_the_clock_asks_what_time_it_is():
    asked = {(name, node.func.attr) for name, node in nodes(ast.Call)
             if isinstance(node.func, ast.Attribute) and node.func.attr in {"utcnow", "now", "today", "time"}
             and getattr(node.func.value, "id", getattr(node.func.value, "attr", "")) in {"datetime", "date", "time"}}
    assert {name for name, _ in asked} <= {"foundation/clock.py"}


HTTP_MODULES = re.compile(
    r"(^|/)(pages|api)(/|\.py$)|^admin/|^foundation/(browsers|web|error_answers|limits|api_headers|idempotency|show|paging|letters|openapi)\.py$|^(app|home|dev|openapi|cli)\.py$"
    r"|^identity/session\.py$|^referrals/private_pages\.py$|^payments/webhooks\.py$"
)
NOT_OF_THE_REQUEST = {"flask": {"Flask", "current_app"}, "flask_login": {"UserMixin"}}


def test_only_pages_and_apis_read_the_request():
    """A verb gets what it needs as arguments, so that a job, a command and a test can call it as well."""
    faults = {
        f"{name}: {alias.name}" for name, node in nodes(ast.ImportFrom) if not HTTP_MODULES.search(name)
        for alias in node.names if alias.name not in NOT_OF_THE_REQUEST.get(node.module or "", {alias.name})
    }
    assert faults == set()


def test_money_is_never_a_float():
    calls = {name for name, node in nodes(ast.Call) if getattr(node.func, "id", "") == "float"}
    numbers = {name for name, node in nodes(ast.Constant) if isinstance(node.value, float)}
    assert {name for name in calls | numbers if name.startswith(MONEY)} <= SECONDS_NOT_MONEY


SECONDS_NOT_MONEY = {
    "payments/stripe_gateway/__init__.py",  # time limits of calls, in seconds
}


def test_no_two_letters_have_one_name():
    """They are promised by name: of two, one would never be written."""
    modules = [importlib.import_module(f"marketplace.{name_of(path)[:-3].replace('/', '.')}")
               for path in MODULES if path.stem.endswith("letters")]
    names = [name for module in modules for name in getattr(module, "LETTERS", ())]
    assert len(names) > 40 and sorted(names) == sorted(importlib.import_module("marketplace.jobs").LETTERS)


def test_every_module_begins_with_its_one_job():
    assert [name_of(path) for path in MODULES if path.read_text().strip() and not ast.get_docstring(tree_of(path))] == []


def test_no_module_has_a_name_that_says_nothing():
    assert [name_of(path) for path in MODULES if VAGUE & set(path.relative_to(PRODUCT).with_suffix("").parts)] == []


def test_modules_stay_small_enough_to_read():
    assert [name_of(path) for path in MODULES if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("package", ["bounties", "payments", "referrals", "identity"])
def test_verbs_say_who_acts(package):
    """A step that checks a permission takes its actor as `by`, by keyword."""
    faults = []
    for path in sorted((PRODUCT / package).glob("*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and asks_permission(node):
                named = {argument.arg for argument in node.args.kwonlyargs}
                if not named & {"by", "seen_by"}:
                    faults.append(f"{name_of(path)}:{node.name}")
    assert faults == []


def asks_permission(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require" for node in ast.walk(function))


def test_no_page_carries_script_or_style_of_its_own():
    """The content security policy would refuse it, and the page would break only in a browser. Mail programs differ."""
    jinja = re.compile(r"\{[#%{].*?[#%}]\}", re.DOTALL)  # a macro's argument may be called style
    inline = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)
    pages = {path: jinja.sub("", path.read_text()) for path in TEMPLATES if path.parent.name != "emails"}
    assert [f"{path.relative_to(ROOT)}: {found[0]}" for path, text in pages.items() if (found := inline.search(text))] == []


def test_no_page_loads_anything_from_elsewhere():
    elsewhere = re.compile(r"(?:src|srcset)\s*=\s*[\"']\s*(?:https?:)?//|<link[^>]*href\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in TEMPLATES if elsewhere.search(path.read_text())] == []


def test_folders_of_templates_are_named_like_packages():
    folders = {path.name for path in (ROOT / "templates").iterdir() if path.is_dir()}
    packages = {path.name for path in PRODUCT.iterdir() if path.is_dir()} | {path.stem for path in PRODUCT.glob("*.py")}
    assert folders - {"emails"} <= packages


def rendered_templates() -> set[str]:
    """Names of templates written in the code, in whole."""
    return {node.value for _, node in nodes(ast.Constant) if isinstance(node.value, str)
            and node.value.endswith((".html", ".txt", ".xml")) and not {" ", "{"} & set(node.value) and node.value[0] != "/"}  # That is an address.


def test_every_template_that_the_code_names_is_there():
    there = {path.relative_to(ROOT / "templates").as_posix() for path in TEMPLATES}
    assert {name for name in rendered_templates() if "/" in name} - there == set()


def test_what_is_committed_names_no_package_index():
    locks = [ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "requirements-setup.txt")]
    assert [lock.name for lock in locks if "://" in lock.read_text()] == []
    assert [lock.name for lock in locks if "--hash=sha256:" not in lock.read_text()] == []
