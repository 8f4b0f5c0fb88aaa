"""Train a network with the model's own penalties and compare it with the prediction on the way."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ...networks.datasets import Dataset
    from ...networks.method import Training
    from ...networks.task import Task
    from ...networks.trained import Trained
    from ...show.text import Line

REACHED = 0.05  # distance below which an experiment has reached its prediction
CHECKPOINTS = (".pt", ".pth", ".ckpt")
FILES = ("log", "checkpoint", "figure", "save_features")


def add(parser: ArgumentParser) -> None:
    """A data set and a network in, the distance of what it learns to the prediction out."""
    from ...networks.experiments import EXPERIMENTS

    parser.add_argument(
        "--experiment", metavar="NAME", help=f"options given by name: {' | '.join(EXPERIMENTS)}"
    )
    data = parser.add_argument_group("data (--counts draws a subset)")
    data.add_argument(
        "--data",
        metavar="PATH",
        help="digits (default) | .npz with X, y | MNIST IDX | CIFAR-10 .bin, or a folder",
    )
    data.add_argument("--image-size", metavar="S", help="resample images to S x S pixels")
    options.add_problem(parser, counted=True)
    net = parser.add_argument_group("network")
    net.add_argument("--network", metavar="NAME", help="backbone: mlp (default) | resnet18 | vgg16")
    net.add_argument("--backbone-depth", metavar="L", help="mlp: hidden layers (3)")
    net.add_argument(
        "--backbone-width",
        metavar="C",
        help="mlp: units (256); else channels of the first stage (64)",
    )
    net.add_argument(
        "--regularization",
        metavar="NAME",
        help="ufm-head (default: decay of the linear head, penalty on all features) | ufm-all (and decay of the backbone, which "
        "theory does not cover) | all (weight decay alone, on everything: nothing is predicted)",
    )
    net.add_argument(
        "--head-gain", metavar="X", help="linear layers start as isometries times X (1)"
    )
    how = parser.add_argument_group("training")
    how.add_argument("--optimizer", metavar="NAME", help="lbfgs (default, full batch) | adam | sgd")
    how.add_argument(
        "--epochs", metavar="N", help="passes over the data (100); of lbfgs, 10 iterations each"
    )
    how.add_argument("--steps", metavar="N", help="limit on optimizer steps")
    how.add_argument("--learning-rate", metavar="X", help="1 (lbfgs), 1e-3 (adam), .1 (sgd)")
    how.add_argument("--momentum", metavar="X", help="sgd only (0.9)")
    how.add_argument(
        "--schedule", metavar="NAME", help="constant | cosine | step; cosine but for lbfgs"
    )
    how.add_argument("--batch", metavar="B", help="samples per step (all)")
    how.add_argument("--precision", metavar="WORD", help="double (default) | single")
    how.add_argument("--device", metavar="NAME", help="cpu (default) | cuda | cuda:1 ...")
    how.add_argument("--threads", metavar="N", help="threads of torch")
    how.add_argument(
        "--rng", metavar="INT", help="seed; without one a fresh seed is drawn and reported"
    )
    how.add_argument(
        "--tol",
        metavar="X",
        help="exit 3 unless the distances end below X and below every other target's",
    )
    files = parser.add_argument_group("files")
    files.add_argument("--log", metavar="FILE", help="measurements as JSON lines")
    files.add_argument("--log-every", metavar="N", help="epochs between measurements")
    files.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="written every ten seconds and at the end: .pt, .pth or .ckpt",
    )
    files.add_argument("--resume", action="store_true", help="go on from --checkpoint")
    files.add_argument(
        "--figure", metavar="FILE", help="curves against the epoch: .png, .svg or .pdf"
    )
    files.add_argument(
        "--save-features",
        metavar="FILE",
        help="features, labels and classifier as .npz for ncsolve measure",
    )
    options.add_picture(parser)
    options.add_output(parser)


def check(args: Namespace) -> None:
    """Fill in the experiment's options, and refuse options that would be ignored."""
    from ...networks.experiments import EXPERIMENTS

    if args.experiment is not None:
        if args.experiment not in EXPERIMENTS:
            raise options.UsageError(
                f"--experiment {args.experiment!r} is unknown; one of {', '.join(EXPERIMENTS)} works"
            )
        for name, value in EXPERIMENTS[args.experiment].options.items():
            if getattr(args, name) is None and not (
                name == "counts" and args.long_tail is not None
            ):
                setattr(args, name, value)
        args.tol = args.tol or str(REACHED)
    for name in ("theorem", "limit", "targets"):
        if getattr(args, name) is not None:
            raise options.UsageError(
                f"--{name} does not go with train, which compares with the strongest theorem's prediction"
            )
    if args.momentum is not None and args.optimizer != "sgd":
        raise options.UsageError(
            f"--momentum belongs to --optimizer sgd, not to {args.optimizer or 'lbfgs'}"
        )
    if args.backbone_depth is not None and args.network not in (None, "mlp"):
        raise options.UsageError(
            f"--backbone-depth belongs to --network mlp, not to {args.network}"
        )
    if args.feature_decay is not None and args.regularization == "all":
        raise options.UsageError(
            "--feature-decay does not go with --regularization all, which penalizes no features"
        )
    if args.resume and args.checkpoint is None:
        raise options.UsageError("--resume needs the --checkpoint to go on from")
    if args.checkpoint is not None and not args.checkpoint.lower().endswith(CHECKPOINTS):
        raise options.UsageError(
            f"--checkpoint {args.checkpoint!r} ends in none of {', '.join(CHECKPOINTS)}"
        )
    if args.figure is not None and not args.figure.lower().endswith(options.PICTURES):
        raise options.UsageError(
            f"--figure {args.figure!r} is none of {', '.join(options.PICTURES)}"
        )
    options.picture(args)
    if args.figure is None and (args.size is not None or args.dpi is not None):
        raise options.UsageError(f"--{'dpi' if args.size is None else 'size'} needs --figure")
    if args.save_features is not None and not args.save_features.lower().endswith(".npz"):
        raise options.UsageError(f"--save-features {args.save_features!r} does not end in .npz")
    if args.log_every is not None and args.log is None and args.figure is None:
        raise options.UsageError("--log-every needs --log or --figure")


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Train."""
    from ...networks.extra import missing_is_named
    from ..steps import new_seed, say_seed

    seed = options.whole(args.rng, "rng", 0)
    tolerance = options.positive(args.tol, "tol")
    _check_files(args)
    with missing_is_named():
        from ...networks import checkpoint
        from ...networks.training import device_named, train
    if args.checkpoint is not None and not args.resume:
        checkpoint.refuse_foreign(args.checkpoint)
    method = _method(args)
    device_named(method.device)
    _use_threads(args)
    drawn = seed is None and not args.resume
    if seed is None:
        seed = new_seed() if drawn else checkpoint.seed(args.checkpoint)
    task = _task(args, seed)
    _refuse(task)
    if drawn:
        say_seed(terminal, seed)
    if task.regularization != "ufm-head":
        terminal.note(f"--regularization {task.regularization}: {_UNCOVERED[task.regularization]}")
    from ..progress import epochs

    with epochs() if terminal.bars else nullcontext() as progress:
        trained = train(
            task,
            method,
            rng=seed,
            log=args.log,
            checkpoint=args.checkpoint,
            resume=args.resume,
            overwrite=args.force,
            progress=progress,
        )
    _save(args, trained)
    return _answer(args, trained, tolerance, seed)


_UNCOVERED = {
    "ufm-all": "theory covers the head and the features, not the backbone's weight decay; the distances may have a floor",
    "all": "no theory covers weight decay on a backbone alone; nothing is predicted",
}


def _method(args: Namespace) -> Training:
    from ...networks.method import Training

    given: dict[str, Any] = {
        name: getattr(args, name) for name in ("optimizer", "schedule", "precision", "device")
    }
    given |= {
        name: options.whole(getattr(args, name), name.replace("_", "-"), 1)
        for name in ("epochs", "steps", "batch", "log_every")
    }
    given |= {
        name: options.positive(getattr(args, name), name.replace("_", "-"))
        for name in ("learning_rate", "head_gain")
    }
    given["momentum"] = options.positive(args.momentum, "momentum", below=1.0, zero=True)
    if given["batch"] is not None and given["optimizer"] is None:
        given["optimizer"] = "adam"
    return Training(**{name: value for name, value in given.items() if value is not None})


def _data(args: Namespace, seed: int) -> Dataset:
    from ...networks.datasets import read
    from ...problem.counts import parse_counts, parse_long_tail

    data = read(args.data or "digits")
    counts: Any = None
    if args.counts is not None:
        counts = parse_counts(args.counts)
    elif args.long_tail is not None:
        counts = parse_long_tail(args.long_tail)
    if counts is not None:
        data = data.subset(counts, rng=seed)
    side = options.whole(args.image_size, "image-size", 1)
    return data if side is None else data.resized(side)


def _task(args: Namespace, seed: int) -> Task:
    from ...networks.architectures import MLP, VGG16, ResNet18
    from ...networks.task import Task

    data = _data(args, seed)
    args.counts = args.long_tail = None  # the subset has them
    if args.width is None:
        args.width = str(max(32, 2 * len(data.names)))
    ufm = options.problem(args, data.counts)
    sizes = {"depth": args.backbone_depth, "width": args.backbone_width}
    chosen = {
        name: options.whole(text, f"backbone-{name}", 1)
        for name, text in sizes.items()
        if text is not None
    }
    architectures: dict[str, Any] = {kind.name: kind for kind in (MLP, ResNet18, VGG16)}
    if (name := args.network or "mlp") not in architectures:
        raise options.UsageError(
            f"--network {name!r} is unknown; one of {', '.join(architectures)} works"
        )
    return Task(ufm, data, architectures[name](**chosen), args.regularization or "ufm-head")


def _refuse(task: Task) -> None:
    """Refuse a network that does not take the samples, and a problem that no theorem covers, before a seed is said."""
    import torch

    with torch.device("meta"):
        task.architecture.trunk(task.dataset.shape)
    _ = task.prediction


def _use_threads(args: Namespace) -> None:
    threads = options.whole(args.threads, "threads", 1)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _check_files(args: Namespace) -> None:
    """Whether every file can be written is settled before anything is computed."""
    from ...files import check_writable
    from ...problem.errors import DataError

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    for name in FILES:
        path = getattr(args, name)
        if path is None:
            continue
        option = f"--{name.replace('_', '-')} {path!r}"
        try:
            check_writable(
                path, overwrite=args.force or (args.resume and name in ("log", "checkpoint"))
            )
        except FileExistsError:
            resume = ", or --resume to go on from it" if name == "checkpoint" else ""
            raise DataError(
                f"{option} exists; choose another name, or add --force to replace it{resume}"
            ) from None
        except OSError as error:
            raise DataError(
                f"{option} cannot be written ({error.strerror}); choose another place"
            ) from None


def _save(args: Namespace, trained: Trained) -> None:
    if args.save_features is not None:
        trained.save_features(args.save_features, overwrite=args.force)
    if args.figure is not None:
        from ...show.plots import save, training_curves

        size, dpi = options.picture(args)
        panels = training_curves(
            trained.records, trained.targets(), precision=trained.method.precision
        )
        save(panels[0], args.figure, size=size, dpi=dpi, overwrite=args.force)


def _answer(args: Namespace, trained: Trained, tolerance: float | None, seed: int) -> Answer:
    from ...networks.trained import Ending
    from ...show.text import prediction_lines, table, text

    code, verdict = DONE, ""
    if trained.contradicts:
        code, verdict = (
            CONTRADICTED,
            "contradicted: the network lies below a value that is claimed to be the global minimum",
        )
    elif trained.ending in (Ending.INTERRUPTED, Ending.DIVERGED):
        code, verdict = INCONCLUSIVE, f"not finished: {trained.ending.value}"
    elif tolerance is not None:
        reached = trained.reached(tolerance)
        code = DONE if reached else INCONCLUSIVE
        verdict = f"{'reached' if reached else 'not reached'}: distances below {tolerance:g} and below every other target's"
        if trained.task.prediction is None:
            verdict = "nothing to reach: without a feature penalty nothing is predicted"
    prediction = trained.task.prediction

    def blocks(terminal: bool) -> Iterable[str]:
        if prediction is not None:
            yield text(prediction_lines(prediction))
            yield table(prediction.classes, terminal)
        yield text([*_lines(trained), *([("verdict", verdict)] if verdict else [])])

    warnings = () if prediction is None else prediction.warnings
    body = trained.to_dict() | {
        "tolerance": tolerance,
        "verdict": verdict or None,
        "experiment": args.experiment,
    }
    return Answer(body, blocks, code, warnings, seed)


def _lines(trained: Trained) -> list[Line]:
    """The network, how it was trained, what it reached."""
    last, method, task = trained.metrics, trained.method, trained.task
    size = sum(parameter.numel() for parameter in trained.network.parameters())
    described = ", ".join(f"{name} {value}" for name, value in vars(task.architecture).items())
    lines = [
        (
            "network",
            f"{task.architecture.name} ({described}), {size} parameters, regularization {task.regularization}",
        ),
        (
            "training",
            f"{method.optimizer}, {last['epoch']} epochs, {last['step']} steps, {last['seconds']:.1f} s, {trained.ending.value}",
        ),
        (
            "objective",
            f"{last['objective']:.12g}"
            + (
                f", {last['excess']:.3g} above the prediction (relative)"
                if "excess" in last
                else ""
            ),
        ),
    ]
    if "accuracy" in last:
        lines.append(
            (
                "accuracy",
                f"{last['accuracy']:.4f} on the training set, NC1 {last.get('nc1_quotient', math.nan):.3g} (tr Sigma_W / tr Sigma_B)",
            )
        )
    for name, (features, classifier) in trained.targets().items():
        lines.append(
            (
                name,
                f"distance of class means {features:.4f}, of the classifier {classifier:.4f} (at equal norm)",
            )
        )
    if "nc2_abs_H" in last:
        lines.append(
            (
                "with scale",
                f"distance of class means {last['nc2_abs_H']:.4f}, of the classifier {last['nc2_abs_W']:.4f}",
            )
        )
    return lines
