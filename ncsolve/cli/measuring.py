"""Commands on networks: what a file holds, how far it is from the prediction, whose decays those are, and training one."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from . import options
from .answer import Answer, Exit, Terminal, command, measured, new_seed, predicted
from .options import UsageError, flag, given, refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ..networks.data import Dataset
    from ..networks.task import Task, Trained, Training
    from ..problem.conventions import Converted
    from ..show.text import Line

CLOSE = 0.05  # a distance to the prediction that agrees with it, or has reached it


@command(options.SNAPSHOT, f"metrics\n{options.PRESET}", options.output())
def measure(args: Namespace, terminal: Terminal) -> Answer:
    """Neural-collapse metrics of a file."""
    from ..show.text import blocks

    found = measured(args, terminal)
    return Answer(found.to_dict(), lambda _: blocks(found))


def _add_picture(parser: ArgumentParser) -> None:
    from ..show import gallery

    kinds = [name for name, kind in gallery.KINDS.items() if kind.of_matrices] + ["gram-weights"]
    shows = f"""
  --picture FILE  also draw a picture: .png, .svg or .pdf
  --kind {{{",".join(kinds)}}}  {" | ".join(kinds)} (norms)
"""
    options.declare(parser, options.PICTURE + shows)


@command(
    options.SNAPSHOT,
    lambda parser: options.add_problem(parser, counted=True),
    f"""
comparison
  --tol X(0,inf)  distances up to X agree ({CLOSE})
  --scale-free  hold only nc1_quotient, nc2_gof_H, nc2_gof_W and nc3_gof against --tol
  --subset  FILE holds a part of the samples: counts may differ from --counts
{options.PRESET}
""",
    _add_picture,
    options.output(", or with suffix .npz what was measured as matrices as well"),
    out=(".json", ".npz"),
)
def compare(args: Namespace, terminal: Terminal) -> Answer:
    """Measure, predict and compare."""
    from ..files import write_arrays
    from ..metrics import compare as metrics
    from ..show import gallery, plots
    from ..show.document import result_of
    from ..show.text import blocks

    drawing = options.check_picture(args, "picture", "kind")
    found = measured(args, terminal)
    classes = zip(found.classes, found.counts, strict=True)
    prediction = predicted(args, terminal, {str(name): float(count) for name, count in classes})
    scale_free = args.scale_free or bool(prediction.theorem.limit)  # a limit is known up to scale
    settings = {"tolerance": args.tol or CLOSE, "scale_free": scale_free, "subset": args.subset}
    compared = metrics.compare(found, prediction, **settings)
    if args.picture is not None:
        name, _, which = (args.kind or "norms").partition("-")
        drawn = gallery.drawn(name, result_of(compared), which=which or None)
        plots.save(drawn, args.picture, **drawing)

    def save(path: str, document: str, **how: bool) -> None:
        write_arrays(path, compared.matrices.named("found_"), document, **how)

    body = compared.to_dict() | {"prediction": prediction.to_dict(), "picture": args.picture}
    code = Exit.DONE if compared.agrees else Exit.CONTRADICTED
    return Answer(body, lambda _: blocks(compared), code, prediction.warnings, save={".npz": save})


@command(
    """
decays (in their convention, or canonical with --back)
  --weight-decay X  one number, or M between commas
  --feature-decay X  decay of the features
  --bias WORD  none, free, or a decay
  --back  from the canonical convention to theirs
their convention
  --loss NAME  mse ((1/2)|z - y|^2, default) | ce | squared-error | mse-loss (torch MSELoss()) |
      half-mse-loss
  --reduction WORD  mean (default) or sum over the samples of a step
  --penalty WORD  half ((lambda/2)|.|^2, default) or full (lambda |.|^2)
  --feature-penalty WORD  all (default) | batch (summed) | mean | optimizer (H a parameter)
  --optimizer NAME  whose weight_decay it is: none (default) | sgd | adam | adamw
sizes, where the convention needs them
  --classes K[-inf..]  number of outputs
  --samples N(-inf,inf)  number of training samples
  --batch B(-inf,inf)  samples per step (default: all)
  --counts TEXT  class counts, from which K and N are taken
""",
    options.output(),
)
def convert(args: Namespace, terminal: Terminal) -> Answer:
    """Decays from another convention to the canonical one, or back."""
    from ..problem import conventions
    from ..problem.counts import parse_counts
    from ..problem.fields import numbers
    from ..show.text import text

    words = ("loss", "reduction", "penalty", "feature_penalty", "optimizer")
    settings: dict[str, Any] = {
        name: word.lower().replace("-", "_") for name, word in options.said(args, *words).items()
    }
    if args.counts is not None:
        if given(args, ("classes", "samples")):
            instead = "leave out --classes and --samples"
            raise UsageError(f"--counts says K and N already; {instead}")
        counts = parse_counts(args.counts)
        sizes = counts.values() if isinstance(counts, dict) else counts
        settings |= {"classes": len(counts), "samples": math.fsum(sizes)}
    settings |= options.said(args, "classes", "samples", "batch")
    texts = options.said(args, "weight_decay", "feature_decay", "bias")
    decays = {name: numbers(text, name) for name, text in texts.items()}
    convention = conventions.DecayConvention(**settings)
    found = conventions.convert(convention, **decays, back=args.back)
    return Answer(found.to_dict(), lambda _: [text(_chains(found, decays))])


def _chains(found: Converted, decays: dict[str, Any]) -> list[Line]:
    """Each decay with its chain of factors, then the options that other commands take."""
    lines: list[Line] = []
    for name in found:
        chain = f"{_written(decays[name])} -> {_written(found[name])}"
        lines.append((name.replace("_", " "), chain))
        steps = [step for step in found.steps if step.decay == name]
        lines += [("", f"x {step.factor:.15g}: {step.why}") for step in steps]
    flags = " ".join(f"{flag(name)} {_written(found[name])}" for name in found)
    return [*lines, ("theirs" if found.back else "canonical", flags)]


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_written, value))
    return value if isinstance(value, str) else f"{float(value):.15g}"


#: Options of train that name files, and the suffixes that they may have.
FILES = {
    "log": (),
    "checkpoint": (".pt", ".pth", ".ckpt"),
    "figure": options.PICTURES,
    "save_features": (".npz",),
}
UNCOVERED = {
    "ufm-all": "theory covers the head and the features, not the backbone's weight decay; the distances may have a floor",
    "all": "no theory covers weight decay on a backbone alone; nothing is predicted",
}


def _add_experiment(parser: ArgumentParser) -> None:
    from ..networks.experiments import EXPERIMENTS

    says = f"--experiment NAME  options given by name: {' | '.join(EXPERIMENTS)}"
    options.declare(parser, says)


@command(
    _add_experiment,
    """
data (--counts draws a subset)
  --data PATH  digits (default) | .npz with X, y | MNIST IDX | CIFAR-10 .bin, or a folder
  --image-size S[1..]  resample images to S x S pixels
""",
    lambda parser: options.add_problem(parser, counted=True),
    """
network
  --network NAME  backbone: mlp (default) | resnet18 | vgg16
  --backbone-depth L[1..]  mlp: hidden layers (3)
  --backbone-width C[1..]  mlp: units (256); else channels of the first stage (64)
  --regularization NAME  ufm-head (default: decay of the linear head, penalty on all features) |
      ufm-all (and decay of the backbone, which theory does not cover) | all (weight decay alone, on
      everything: nothing is predicted)
  --head-gain X(0,inf)  linear layers start as isometries times X (1)
training
  --optimizer NAME  lbfgs (default, full batch) | adam | sgd
  --epochs N[1..]  passes over the data (100); of lbfgs, 10 iterations each
  --steps N[1..]  limit on optimizer steps
  --learning-rate X(0,inf)  1 (lbfgs), 1e-3 (adam), .1 (sgd)
  --momentum X[0,1)  sgd only (0.9)
  --schedule NAME  constant | cosine | step; cosine but for lbfgs
  --batch B[1..]  samples per step (all)
  --precision WORD  double (default) | single
  --device NAME  cpu (default) | cuda | cuda:1 ...
  --threads N[1..]  threads of torch
  --rng INT[0..]  seed; without one a fresh seed is drawn and reported
  --tol X(0,inf)  exit 3 unless the distances end below X and below every other target's
files
  --log FILE  measurements as JSON lines
  --log-every N[1..]  epochs between measurements
  --checkpoint FILE  written every ten seconds and at the end: .pt, .pth or .ckpt
  --resume  go on from --checkpoint
  --figure FILE  curves against the epoch: .png, .svg or .pdf
  --save-features FILE  features, labels and classifier as .npz for ncsolve measure
""",
    options.PICTURE,
    options.output(),
)
def train(args: Namespace, terminal: Terminal) -> Answer:
    """Train a network and compare it with the prediction on the way."""
    from ..networks.fixed import missing_is_named

    take_experiment(args)
    drawing = _check_train(args)
    seed = args.rng
    with missing_is_named():
        from ..networks import training
    if args.checkpoint is not None and not args.resume:
        training.refuse_foreign(args.checkpoint)
    method = _training(args)
    training.device_named(method.device)
    if args.threads is not None:
        import torch

        torch.set_num_threads(args.threads)
    drawn = seed is None and not args.resume
    if seed is None:
        seed = new_seed() if drawn else training.seed_of(args.checkpoint)
    task = _task(args, seed)
    if drawn:
        terminal.say_seed(seed)
    if task.regularization != "ufm-head":
        terminal.note(f"--regularization {task.regularization}: {UNCOVERED[task.regularization]}")
    files = {"log": args.log, "checkpoint": args.checkpoint, "resume": args.resume}
    with terminal.watched("epochs") as progress:
        trained = training.train(
            task, method, rng=seed, **files, overwrite=args.force, progress=progress
        )
    if args.save_features is not None:
        trained.save_features(args.save_features, overwrite=args.force)
    if args.figure is not None:
        from ..show import plots

        precision = trained.method.precision
        panels = plots.training_curves(trained.records, trained.targets(), precision=precision)
        plots.save(panels[0], args.figure, **drawing)
    return _trained_answer(args, trained, args.tol, seed)


def take_experiment(args: Namespace) -> None:
    """Fill in the options of --experiment that were not given."""
    from ..networks.experiments import EXPERIMENTS
    from . import parse

    if args.experiment is None:
        return
    if args.experiment not in EXPERIMENTS:
        works = f"one of {', '.join(EXPERIMENTS)} works"
        raise UsageError(f"--experiment {args.experiment!r} is unknown; {works}")
    chosen = parse(EXPERIMENTS[args.experiment].command().split()[1:])
    for name in EXPERIMENTS[args.experiment].options:
        if getattr(args, name) is None and not (name == "counts" and args.long_tail is not None):
            setattr(args, name, getattr(chosen, name))
    args.tol = args.tol or CLOSE


def _check_train(args: Namespace) -> dict[str, Any]:
    """Refuse options that would be ignored and files that cannot be written; give the settings of the figure."""
    for needless in given(args, ("theorem", "limit", "targets")):
        why = "does not go with train, which compares with the strongest theorem's prediction"
        raise UsageError(f"{needless} {why}")
    other = f"--momentum belongs to --optimizer sgd, not to {args.optimizer or 'lbfgs'}"
    refuse(args.momentum is not None and args.optimizer != "sgd", other)
    other = f"--backbone-depth belongs to --network mlp, not to {args.network}"
    refuse(args.backbone_depth is not None and args.network not in (None, "mlp"), other)
    all_ = "--feature-decay does not go with --regularization all, which penalizes no features"
    refuse(args.feature_decay is not None and args.regularization == "all", all_)
    resumed = args.resume and args.checkpoint is None
    refuse(resumed, "--resume needs the --checkpoint to go on from")
    unread = args.log_every is not None and args.log is None and args.figure is None
    refuse(unread, "--log-every needs --log or --figure")
    for name, suffixes in FILES.items():
        path = getattr(args, name)
        if path is not None and suffixes and PurePath(path).suffix.lower() not in suffixes:
            raise UsageError(f"{flag(name)} {path!r} ends in none of {', '.join(suffixes)}")
    drawing = options.check_picture(args, "figure")
    for name in FILES:
        resumed = args.resume and name in ("log", "checkpoint")
        resume = ", or --resume to go on from it" if name == "checkpoint" else ""
        options.check_place(args, name, options.TAKEN + resume, overwrite=resumed)
    return drawing


def _training(args: Namespace) -> Training:
    from ..networks.task import Training

    words = ["optimizer", "schedule", "precision", "device", "epochs", "steps", "batch"]
    words += ["log_every", "learning_rate", "head_gain", "momentum"]
    usual = {} if args.batch is None else {"optimizer": "adam"}
    return Training(**usual | options.said(args, *words))


def _data(args: Namespace, seed: int) -> Dataset:
    from ..networks.data import read
    from ..problem.counts import parse_counts, parse_long_tail

    data = read(args.data or "digits")
    if args.counts is not None:
        data = data.subset(parse_counts(args.counts), rng=seed)
    elif args.long_tail is not None:
        data = data.subset(parse_long_tail(args.long_tail), rng=seed)
    return data if args.image_size is None else data.resized(args.image_size)


def _task(args: Namespace, seed: int) -> Task:
    """What is trained; refused are networks that do not take the samples, and problems that no theorem covers."""
    import torch

    from ..networks.models import MLP, VGG16, ResNet18
    from ..networks.task import Task

    data = _data(args, seed)
    args.counts = args.long_tail = None  # the subset has them
    args.width = args.width or str(max(32, 2 * len(data.names)))
    ufm = options.problem(args, data.counts)
    sizes = options.said(args, "backbone_depth", "backbone_width")
    architectures: dict[str, Any] = {kind.name: kind for kind in (MLP, ResNet18, VGG16)}
    if (name := args.network or "mlp") not in architectures:
        raise UsageError(f"--network {name!r} is unknown; one of {', '.join(architectures)} works")
    network = architectures[name](
        **{size.removeprefix("backbone_"): n for size, n in sizes.items()}
    )
    task = Task(ufm, data, network, args.regularization or "ufm-head")
    with torch.device("meta"):
        network.trunk(data.shape)
    _ = task.prediction
    return task


def _trained_answer(
    args: Namespace, trained: Trained, tolerance: float | None, seed: int
) -> Answer:
    from ..networks.task import Ending
    from ..show.text import blocks, text

    prediction, code, verdict = trained.task.prediction, Exit.DONE, ""
    if trained.contradicts:
        low = "the network lies below a value that is claimed to be the global minimum"
        code, verdict = Exit.CONTRADICTED, f"contradicted: {low}"
    elif trained.ending in (Ending.INTERRUPTED, Ending.DIVERGED):
        code, verdict = Exit.INCONCLUSIVE, f"not finished: {trained.ending.value}"
    elif tolerance is not None:
        reached = trained.reached(tolerance)
        code = Exit.DONE if reached else Exit.INCONCLUSIVE
        wanted = f"distances below {tolerance:g} and below every other target's"
        verdict = f"{'reached' if reached else 'not reached'}: {wanted}"
        if prediction is None:
            verdict = "nothing to reach: without a feature penalty nothing is predicted"

    def told(terminal: bool) -> Iterable[str]:
        if prediction is not None:
            yield from blocks(prediction, terminal=terminal)
        yield text([*_trained_lines(trained), *([("verdict", verdict)] if verdict else [])])

    said = {"tolerance": tolerance, "verdict": verdict or None, "experiment": args.experiment}
    warnings = () if prediction is None else prediction.warnings
    return Answer(trained.to_dict() | said, told, code, warnings, seed)


def _trained_lines(trained: Trained) -> list[Line]:
    """The network, how it was trained, what it reached."""
    last, method, task = trained.metrics, trained.method, trained.task
    size = sum(parameter.numel() for parameter in trained.network.parameters())
    shape = ", ".join(f"{name} {value}" for name, value in vars(task.architecture).items())
    network = f"{task.architecture.name} ({shape}), {size} parameters"
    taken = f"{last['epoch']} epochs, {last['step']} steps, {last['seconds']:.1f} s"
    excess = f", {last['excess']:.3g} above the prediction (relative)" if "excess" in last else ""

    def distances(features: float, classifier: float) -> str:
        return f"distance of class means {features:.4f}, of the classifier {classifier:.4f}"

    lines = [
        ("network", f"{network}, regularization {task.regularization}"),
        ("training", f"{method.optimizer}, {taken}, {trained.ending.value}"),
        ("objective", f"{last['objective']:.12g}{excess}"),
    ]
    if "accuracy" in last:
        nc1 = f"NC1 {last.get('nc1_quotient', math.nan):.3g} (tr Sigma_W / tr Sigma_B)"
        lines.append(("accuracy", f"{last['accuracy']:.4f} on the training set, {nc1}"))
    for name, found in trained.targets().items():
        lines.append((name, f"{distances(*found)} (at equal norm)"))
    if "nc2_abs_H" in last:
        lines.append(("with scale", distances(last["nc2_abs_H"], last["nc2_abs_W"])))
    return lines
