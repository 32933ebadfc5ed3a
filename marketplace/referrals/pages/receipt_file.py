"""A consent receipt as a file to keep."""
import json
from typing import Any

from flask import Response

from marketplace.referrals.models import Lead


def receipt_file(receipt: dict[str, Any], lead: Lead) -> Response:
    return Response(
        json.dumps(receipt, indent=2, ensure_ascii=False) + "\n", content_type="application/ld+json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="consent-{lead.id}.json"'})
