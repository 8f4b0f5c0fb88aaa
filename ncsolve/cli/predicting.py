"""Commands on one prediction: what it is, what descent and lower bounds say of it, and where its classes are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import options
from .answer import CLOSED, Answer, Exit, Terminal, answer_about, command, predicted, verified

if TYPE_CHECKING:
    from argparse import Namespace


@command(
    options.add_problem,
    options.output(", or with suffix .npz the matrices"),
    out=(".json", ".npz"),
)
def predict(args: Namespace, terminal: Terminal) -> Answer:
    """Predict; where numbers are no closed form, their strength is part of the answer."""
    from ..analytic.theorem import Claim

    prediction = predicted(args, terminal)
    body, lines = prediction.to_dict() | {"certificate": None}, []
    zero = not prediction.theorem.limit and not prediction.solution.sigma_and_frame[0].size
    if prediction.claim is Claim.CERTIFIED or zero:
        from ..show.text import certificate_lines
        from ..verification import certificate_if_known

        certificate = certificate_if_known(prediction)
        lines = certificate_lines(certificate)
        body["certificate"] = None if certificate is None else certificate.to_dict()

    return answer_about(prediction, body, lines, save={".npz": prediction.save})


@command(
    options.add_problem,
    options.DESCENT,
    options.TOLERANCE,
    options.output(", or with suffix .npz the matrices of the best run as well"),
    "--hessian  check that the best run ends at a minimum",
    out=(".json", ".npz"),
)
def verify(args: Namespace, terminal: Terminal) -> Answer:
    """Descend and compare."""
    from ..show.text import verification_lines
    from ..verification import Verdict

    found, method, seed = verified(args, terminal)
    code = Exit.INCONCLUSIVE if found.interrupted or found.verdict is Verdict.STUCK else Exit.DONE
    code = Exit.CONTRADICTED if found.verdict in (Verdict.REFUTED, Verdict.BEATEN) else code
    lines = verification_lines(found, method, seed)

    about = (found.prediction, found.to_dict(), lines)
    return answer_about(*about, seed=seed, code=code, save={".npz": found.save})


@command(
    options.add_problem,
    options.TOLERANCE,
    """
--rigorous  prove it in ball arithmetic (extra rigorous); --out writes what ncsolve replay
      checks
""",
    options.output(),
)
def certify(args: Namespace, terminal: Terminal) -> Answer:
    """A lower bound in floating point, or a proof."""
    from .. import verification
    from ..problem.errors import ProblemError, TooLarge
    from ..show.text import certificate_lines

    tolerance = args.tol or CLOSED
    if args.rigorous:
        return _rigorously(args, terminal, tolerance)
    prediction = predicted(args, terminal)
    if prediction.theorem.limit:
        verification.certify(prediction)  # refuses, with the reason
    prediction.parameters()
    certificate, why = None, ""
    try:
        certificate = verification.certify(prediction)
    except (ProblemError, TooLarge) as error:  # the problem is sound, but no bound is known
        why = str(error)
    else:
        gap = certificate.relative_gap
        if not gap <= tolerance:
            why = f"the relative gap {gap:.6g} is above the tolerance {tolerance:g}"
    verdict = f"certified: no point lies lower by more than {tolerance:g} of the value"
    if why:
        verdict = f"not certified: {why}"
        terminal.note(verdict)
    body = prediction.to_dict() | {
        "certificate": None if certificate is None else certificate.to_dict(),
        "tolerance": tolerance,
    }
    lines = [*certificate_lines(certificate), ("verdict", verdict)]
    code = Exit.INCONCLUSIVE if why else Exit.DONE
    return answer_about(prediction, body, lines, rows=False, code=code)


def _rigorously(args: Namespace, terminal: Terminal, tolerance: float) -> Answer:
    """Prove or disprove the prediction; the file of --out is the certificate itself."""
    import time

    from .. import verification
    from ..numeric.balls import flint
    from ..proof import Outcome, refuse
    from ..show.text import rigorous_lines

    flint()
    prediction = predicted(args, terminal, accept=refuse)
    start = time.perf_counter()
    certificate = verification.certify(prediction, rigorous=True, tolerance=tolerance)
    lines = [*rigorous_lines(certificate), ("time", f"{time.perf_counter() - start:.2f} s")]
    body = prediction.to_dict() | {"certificate": certificate.to_dict(), "tolerance": tolerance}
    codes = {Outcome.DISPROVED: Exit.CONTRADICTED, Outcome.NOT_DECIDED: Exit.INCONCLUSIVE}

    def save(path: str, _document: str, *, overwrite: bool) -> None:
        certificate.save(path, overwrite=overwrite)

    code = codes.get(certificate.outcome, Exit.DONE)
    return answer_about(prediction, body, lines, rows=False, code=code, save={".json": save})


@command("FILE  what certify --rigorous --out FILE wrote", options.output())
def replay(args: Namespace, terminal: Terminal) -> Answer:
    """Prove a rigorous certificate again."""
    from .. import proof
    from ..show.text import rigorous_lines, text

    found = proof.replay(args.file)
    body = {"file": args.file, "accepted": found.accepted, "passed": list(found.passed)}
    body |= {"failed": found.failed, "certificate": None}
    lines = [("passed", check) for check in found.passed]
    verdict = f"rejected: {found.failed}"
    if found.certificate is not None:
        body["certificate"] = found.certificate.to_dict()
        lines = [*rigorous_lines(found.certificate), *lines]
        verdict = "accepted: every check passed"
    code = Exit.CONTRADICTED if found.certificate is None else Exit.DONE
    return Answer(body, lambda _: [text([*lines, ("verdict", verdict)])], code)


@command(options.add_problem, options.output())
def thresholds(args: Namespace, terminal: Terminal) -> Answer:
    """The counts and decays at which classes are lost."""
    from ..questions import thresholds as questions
    from ..show.text import thresholds_lines

    found = questions.thresholds(predicted(args, terminal))
    return answer_about(found.prediction, found.to_dict(), thresholds_lines(found))
