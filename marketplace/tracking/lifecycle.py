"""What may happen to a report of a conversion; the only writer of its state."""
from collections.abc import Mapping

from marketplace.foundation import audit
from marketplace.foundation.states import check_move
from marketplace.tracking.models import Report, ReportState

S = ReportState

REPORT_MOVES: Mapping[ReportState, frozenset[ReportState]] = {
    S.RECEIVED: frozenset({S.UNMATCHED, S.MATCHED, S.APPROVED, S.DUPLICATE, S.REJECTED}),
    S.UNMATCHED: frozenset({S.MATCHED, S.APPROVED, S.DUPLICATE, S.REJECTED, S.DISPUTED}),
    # Back to nobody's: what it waited for came after its lead had ended.
    S.MATCHED: frozenset({S.UNMATCHED, S.APPROVED, S.DUPLICATE, S.REJECTED, S.DISPUTED}),
    S.DISPUTED: frozenset({S.UNMATCHED, S.APPROVED, S.REJECTED}),
    S.APPROVED: frozenset(),
    S.DUPLICATE: frozenset(),
    S.REJECTED: frozenset(),
}


def move_report(report: Report, target: ReportState, *, by: str, reason: str | None = None) -> None:
    """``reason`` is the code that stands on the report; staying where it is says only why anew."""
    report.reason = reason
    if report.state is target:
        return
    check_move(REPORT_MOVES, report.state, target)
    audit.record(f"report.{target}", report.id, by=by, was=report.state, reason=reason or "", source=report.source)
    report.state = target
