#!/usr/bin/env bash
# Minutes on a GPU, used in the order of worth: tests in float64, timings as multiples of the floor,
# then as many of the paper's runs as the time allows, the seeds of a configuration side by side,
# and the largest eigenvalues at their minima.
#
#     benchmarks/gpu.sh OUT [SECONDS [DEVICE]]        (600 s, cuda)
#
# It ends by itself within SECONDS. OUT gets at most eight files, each whole at any moment:
#   log.txt, cuda_engine.json, runs-dD.tar.gz (thinned runs by depth), analyses.tar.gz, and
#   unfinished.tar.gz, the runs under way when time was up, if that is below UNFINISHED_MB.
# With "peers" among PARTS a ninth, training_step_gpu_peers.json: fastQML needs nothing but torch and may
# lie on PYTHONPATH; for the others PATCHLAW_PEERS_PYTHON names the interpreter of their environment.
#
# It needs this checkout, bash, tar, GNU timeout, and a Python with a torch that knows the device and
# the packages of pyproject.toml; no network. `make PYTHON=python3.12 .venv/.ready` makes one in
# .venv where a package index can be reached (constraints.txt names torch==2.13.0, whose wheel for
# Linux on PyPI has CUDA). Elsewhere PYTHON names one: what it lacks is said before anything starts,
# and may lie on PYTHONPATH. Variables: PYTHON, SEEDS (1001-1005), CONFIGURATIONS ("P,d P,d ..."),
# PARTS ("tests timings runs analyses", or peers), UNFINISHED_MB (15); PATCHLAW_COMMIT where there is no git.
# With DEVICE cpu all of it is tried out at sizes that mean nothing.
set -u

out=${1:?usage: benchmarks/gpu.sh OUT [SECONDS [DEVICE]]}
limit=${2:-600} device=${3:-cuda}
end=$((SECONDS + limit - 15)) # the last seconds are for packing
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec > >(tee "$out/log.txt") 2>&1

parts=" ${PARTS:-tests timings runs analyses} " seeds=${SEEDS:-1001-1005}
configurations=${CONFIGURATIONS:-16,200 4,50 9,50 16,50 4,100 9,100 16,100 4,200 9,200 4,150 9,150 16,150}
size=() tiny=()
if [ "$device" = cpu ]; then
  tiny=(--tiny)
  size=(--images 100 --batch-size 50 --epochs 1)
  configurations=${CONFIGURATIONS:-4,1 9,1}
fi

left() { echo $((end - SECONDS)); }

# part SECONDS COMMAND...: at most so long, and never beyond the end; Ctrl-C first, as that is safe
part() {
  local most=$1 status
  shift
  [ "$most" -gt "$(left)" ] && most=$(left)
  [ "$most" -lt 1 ] && return 124
  echo "== $* (at most $most s)"
  timeout -s INT -k 10 "$most" "$@"
  status=$?
  echo "== exit code $status, $(left) s left"
  return $status
}

# pack NAME FOLDER...: an archive in OUT, replaced whole
pack() {
  local name=$1
  shift
  tar -C "$work" -czf "$work/$name" "$@" && mv "$work/$name" "$out/$name"
}

part 60 "$python" - "$device" <<'CHECK' || exit 1
import importlib.util, sys
names = ("torch numpy scipy numba sklearn click rich msgspec safetensors filelock lazy_loader "
         "threadpoolctl pytest hypothesis")
if missing := [name for name in names.split() if importlib.util.find_spec(name) is None]:
    sys.exit(f"PYTHON: expected one with {', '.join(missing)} too, got {sys.executable}")
import torch
try:
    torch.ones(1, device=sys.argv[1]).item()
except Exception as error:
    sys.exit(f"DEVICE: expected one that torch has here, got {sys.argv[1]} ({error})")
name = torch.cuda.get_device_name() if sys.argv[1] == "cuda" else sys.argv[1]
print(f"{sys.executable}, torch {torch.__version__}, {name}")
CHECK

if [[ $parts == *" tests "* ]]; then
  # compiling takes most of it; without the kernels there is still plain torch
  part 90 "$python" -m pytest -q -x -p no:cacheprovider tests/simulators/test_triton_kernels.py \
    -k "8-rings or encodings or products or with_kernels" ||
    { echo "kernels: missing, wrong or late; plain torch from here on"; export PATCHLAW_KERNELS=plain; }
  part 150 "$python" -m pytest -q -x -p no:cacheprovider -p no:randomly \
    tests/simulators/test_recordings.py tests/verification/test_lockstep.py \
    tests/verification/test_cuda.py tests/simulators/test_torch_engine.py \
    -k "cuda or recorded or replica or lockstep" ||
    { echo "the numbers come first: stopped"; exit 1; }
fi

if [[ $parts == *" timings "* ]]; then
  part 180 "$python" -m benchmarks.run cuda_engine "${tiny[@]}" --device "$device" --out "$work"
  [ -f "$work/cuda_engine.json" ] && mv "$work/cuda_engine.json" "$out/"
  part 120 "$python" -m benchmarks.run cuda_kernels "${tiny[@]}" --device "$device" --out "$work"
  [ -f "$work/cuda_kernels.json" ] && cat "$work/cuda_kernels.json" # in the log: eight files at most
fi

if [[ $parts == *" peers "* ]]; then
  PATCHLAW_PEERS_PYTHON=${PATCHLAW_PEERS_PYTHON:-$(command -v "$python")} part 120 "$python" \
    -m benchmarks.run training_step_gpu_peers "${tiny[@]}" --device "$device" --out "$work"
  [ -f "$work/training_step_gpu_peers.json" ] && mv "$work/training_step_gpu_peers.json" "$out/"
fi

mkdir -p "$work/runs" "$work/thinned" "$work/analyses"
finished=()
if [[ $parts == *" runs "* ]]; then
  for configuration in $configurations; do
    patches=${configuration%,*} depth=${configuration#*,}
    [ "$(left)" -lt 10 ] && break
    part "$(left)" "$python" -m patchlaw train --patches "$patches" --depth "$depth" \
      --seeds "$seeds" --device "$device" --out "$work/runs" "${size[@]}" || continue
    group=("$work"/runs/P"${patches}"_d"${depth}"_s*)
    mkdir -p "$work/thinned/d$depth"
    "$python" -m patchlaw thin "${group[@]}" --out "$work/thinned/d$depth" &&
      pack "runs-d$depth.tar.gz" -C "$work/thinned" "d$depth" && finished+=("${group[@]}")
  done
fi

if [[ $parts == *" analyses "* ]]; then
  for run in "${finished[@]}"; do
    [ "$(left)" -lt 5 ] && break
    part "$(left)" "$python" -m patchlaw analyse "$run" --out "$work/analyses" --memory 30 \
      --stage hessian --stage gauss-newton --device "$device"
    (cd "$work" && pack analyses.tar.gz analyses/*.json) # their eigenvectors are large
  done
fi

# what can be gone on with, if it is small
for run in "${finished[@]}"; do rm -rf "$run"; done
if [ -n "$(ls -A "$work/runs")" ] && pack unfinished.tar.gz runs; then
  if [ "$(du -m "$out/unfinished.tar.gz" | cut -f1)" -gt "${UNFINISHED_MB:-15}" ]; then
    rm "$out/unfinished.tar.gz"
    echo "unfinished runs: left out, as they are larger than ${UNFINISHED_MB:-15} MB"
  fi
fi
ls -l "$out"
