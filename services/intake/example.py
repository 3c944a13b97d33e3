"""A filing as it may look, for the API's documentation. The person is synthetic: region 990000 was never assigned."""

from __future__ import annotations

from typing import Any

FILING: dict[str, Any] = {
    "round": "demo-2024",
    "target": {"series": "accounting", "level": "associate_senior"},
    "person": {
        "name": "示例甲（虚构）",
        "identity_documents": [{"type": "resident-id", "number": "990000198702110112"}],
        "contact": {"email": "example.one@example.org", "language": "zh"},
    },
    "employer": {"name": "虚构资产管理有限公司", "code": "91990000DEM000002X", "kind": "company"},
    "education": [{"degree": "bachelor", "field": "accounting", "awarded": "2010-06-30"}],
    "work": [{"from": "2012-06", "to": None, "in_shanghai": True, "in_field": True}],
    "certificates": [
        {"body": "CIMA", "name": "CGMA", "grade": "holder", "number": "SYN-CGMA-1", "issued": "2016-05-01"}
    ],
    "declarations": {"truthful": True},
    "partner_reference": "ref-1",
}
