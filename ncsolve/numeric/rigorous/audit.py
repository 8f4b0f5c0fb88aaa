"""Check a stored certificate without solving anything.

The file holds the problem in decimals, the claimed point bit for bit, every endpoint exactly, and a digest. Checked, in this order:
the digest; that the point is one of the problem's; its objective; every inequality of the evidence (signs at both endpoints of each
root, the branch, the comparison with the threshold, the order; or feasibility of the dual point, entropies, bound); the sums; that
what is concluded follows. Every enclosure must be as tight as it was made.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from ...problem.border import finite_json, opened, shown
from ...problem.errors import CertificateError, NcsolveError
from .balls import flint
from .certificate import PRECISION, SCHEMA, RigorousCertificate, digest
from .certify import refuse
from .enclosure import Enclosure
from .evidence import evidence_from_dict, has_singular_values
from .exact import ExactProblem
from .judgement import Claimed
from .matrices import point_from_dict
from .point import check as check_point
from .rejected import Rejected, Undecided
from .states import STATES

LARGEST_FILE = 2**30
_FIELDS = {
    *("schema", "versions", "problem", "claim", "outcome", "findings", "method"),
    *("precision", "feasibility", "enclosures", "better", "digest"),
}
_CLAIM = {"value", "states", "singular_values", "tolerance", "point"}


@dataclass(frozen=True, eq=False)
class Replay:
    """What became of a stored certificate.

    Attributes
    ----------
    passed : the checks that passed, in order
    failed : the first check that did not, and why; None if the certificate is accepted
    certificate : the certificate, if it is accepted
    """

    passed: tuple[str, ...]
    failed: str | None
    certificate: RigorousCertificate | None

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return self.failed is None


def replay(path: str | os.PathLike[str]) -> Replay:
    """Check the certificate in a file.

    Raises
    ------
    CertificateError
        If the file holds no rigorous certificate: damaged JSON, another schema (a floating-point certificate among them).
    MissingPackage
        Without python-flint.
    """
    flint()
    return replay_document(read(path))


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON document in a file, if it says that it is a rigorous certificate."""
    name = shown(os.fspath(path))
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise CertificateError(f"{name} is empty, not a rigorous certificate")
    with opened(path, LARGEST_FILE) as file:
        raw = file.read()
    try:
        document = finite_json(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CertificateError(
            f"{name} is not a JSON document ({' '.join(str(error).split())[:80]}); give a certificate"
        ) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        what = (
            f"a document of schema {schema[:60]!r}"
            if isinstance(schema, str)
            else "without a schema"
        )
        raise CertificateError(
            f"{name} is {what}, not a rigorous certificate ({SCHEMA}); certify --rigorous --out FILE writes one"
        )
    found: dict[str, Any] = document
    return found


def replay_document(document: dict[str, Any]) -> Replay:
    """Check a certificate that has been read."""
    flint()
    passed: list[str] = []
    try:
        certificate = _checked(document, passed)
    except Rejected as error:
        return Replay(tuple(passed), str(error), None)
    except Undecided as error:
        return Replay(tuple(passed), f"{error} cannot be enclosed", None)
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        where = f"after {passed[-1]}" if passed else "fields"
        return Replay(
            tuple(passed),
            f"{where}: a number is too large to be checked ({' '.join(str(error).split())[:80]})",
            None,
        )
    return Replay(tuple(passed), None, certificate)


def _checked(document: dict[str, Any], passed: list[str]) -> RigorousCertificate:
    if document.keys() != _FIELDS or document["schema"] != SCHEMA:
        raise Rejected("fields: some are missing or unknown")
    if document["digest"] != digest(document):
        raise Rejected("digest: the content has changed since it was written")
    passed.append("digest")
    problem = ExactProblem.from_dict(document["problem"])
    try:
        refuse(problem.ufm)
    except NcsolveError as error:
        raise Rejected(f"problem: {error}") from None
    claimed = _claimed(document["claim"], problem)
    if document["precision"] != PRECISION:
        raise Rejected(f"precision: it is {PRECISION} bits in {SCHEMA}")
    feasibility = document["feasibility"]
    if type(feasibility) is not float or not 0 <= feasibility < math.inf:
        raise Rejected("feasibility: a finite number of 0 or more is needed")
    stored = document["enclosures"]
    known = {"objective", "minimum"} | ({"better"} if document["better"] is not None else set())
    if not isinstance(stored, dict) or not known <= stored.keys():
        raise Rejected("enclosures: some are missing")
    passed.append("problem and claimed point")
    objective = Enclosure.from_list(stored["objective"], "objective")
    check_point(problem, claimed.point, objective, "objective")
    better = None
    if document["better"] is not None:
        lower = point_from_dict(document["better"], problem.ufm, "better point")
        better = (lower, Enclosure.from_list(stored["better"], "better point"))
        check_point(problem, lower, better[1], "better point")
    passed.append("objective of the point")
    evidence = evidence_from_dict(
        problem,
        document["method"],
        {key: value for key, value in stored.items() if key not in known},
    )
    evidence.check()
    passed.append(
        {"von Neumann": "roots, thresholds and order of the modes"}.get(
            evidence.method, "dual point and entropies"
        )
    )
    if feasibility and evidence.method == "von Neumann":
        raise Rejected("feasibility: it is 0 where there is no dual point")
    certificate = RigorousCertificate(problem, claimed, objective, evidence, better, feasibility)
    if stored["minimum"] != certificate.minimum.to_list():
        raise Rejected("minimum: the evidence does not sum to the stored enclosure")
    passed.append("sum of the bound")
    if document["outcome"] != certificate.outcome.name:
        raise Rejected(
            f"outcome: {certificate.outcome.name} follows, not {document['outcome']!r:.40}"
        )
    if document["findings"] != [finding.to_dict() for finding in certificate.findings]:
        raise Rejected("findings: others follow from the enclosures")
    passed.append("outcome")
    return certificate


def _claimed(stored: object, problem: ExactProblem) -> Claimed:
    if not isinstance(stored, dict) or stored.keys() != _CLAIM:
        raise Rejected("claim: fields are missing or unknown")
    states, values = stored["states"], stored["singular_values"]
    if states is not None and not (
        isinstance(states, list)
        and len(states) == problem.ufm.classes
        and all(state in STATES for state in states)
    ):
        raise Rejected("claim: a state per class is needed")
    if values is not None and not isinstance(values, list):
        raise Rejected("claim: singular values are a list")
    if values is not None and not has_singular_values(problem):
        raise Rejected("claim: singular values are not judged for this problem")
    try:
        return Claimed(
            point_from_dict(stored["point"], problem.ufm, "claimed point"),
            _double(stored["value"]),
            None if states is None else tuple(states),
            None if values is None else tuple(_double(value) for value in values),
            _decimal(stored["tolerance"]),
        )
    except (TypeError, ValueError, OverflowError):
        raise Rejected("claim: a number cannot be read") from None


def _double(text: str) -> float:
    if (found := float.fromhex(text)).hex() == text:
        return found
    raise ValueError


def _decimal(text: str) -> float:
    if repr(found := float(text)) == text:
        return found
    raise ValueError


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
