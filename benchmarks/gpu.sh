#!/usr/bin/env bash
# Minutes on a GPU, used in the order of worth: tests in float64, timings as multiples of the floor,
# then as many of the paper's runs as the time allows, the seeds of a configuration side by side,
# with the largest eigenvalues at their minima, then the other stages and the landscapes.
#
#     benchmarks/gpu.sh OUT [SECONDS [DEVICE]]        (600 s, cuda)
#
# It ends by itself within SECONDS, and the same call goes on where the last one ended if WORK names
# a folder that is still there. OUT gets at most eight files, each whole at any moment: log.txt,
# cuda_engine.json, runs-dD.tar.gz (thinned runs by depth), records.tar.gz (analyses, landscapes).
# With "peers" among PARTS a ninth, training_step_gpu_peers.json: fastQML needs nothing but torch and may
# lie on PYTHONPATH; for the others PATCHLAW_PEERS_PYTHON names the interpreter of their environment.
#
# It needs this checkout, bash, tar, flock, GNU timeout, and a Python with a torch that knows the
# device and the packages of pyproject.toml; no network. `make PYTHON=python3.12 .venv/.ready` makes
# one in .venv where a package index can be reached (constraints.txt names torch==2.13.0, whose wheel
# for Linux on PyPI has CUDA). Elsewhere PYTHON names one: what it lacks is said before anything
# starts, and may lie on PYTHONPATH. Variables: PYTHON, CONFIGURATIONS ("P,d,SEEDS ..."), LANES
# (configurations at a time, 3), MEMORY (GB of states that an analysis keeps, 12), WORK,
# PARTS ("tests timings runs minima blocks landscapes whole", or kernels, peers); PATCHLAW_COMMIT where there is no git.
# With DEVICE cpu all of it is tried out at sizes that mean nothing.
set -u

out=${1:?usage: benchmarks/gpu.sh OUT [SECONDS [DEVICE]]}
export device=${3:-cuda}
export end=$(($(date +%s) + ${2:-600} - 15)) # the last seconds are for packing
mkdir -p "$out" && export out=$(cd "$out" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
export python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1 memory=${MEMORY:-12}
if [ -n "${WORK:-}" ]; then
  mkdir -p "$WORK" && export work=$(cd "$WORK" && pwd) || exit 2
else
  export work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
exec > >(tee -a "$out/log.txt") 2>&1

export parts=" ${PARTS:-tests timings runs minima blocks landscapes whole} "
every=1001-1005
configurations=${CONFIGURATIONS:-16,200,$every 4,50,$every 9,50,$every 16,50,$every 4,100,$every
  9,100,$every 16,100,$every 4,200,$every 9,200,$every 4,150,$every 9,150,$every 16,150,$every}
export size='' tiny=''
if [ "$device" = cpu ]; then
  tiny=--tiny
  size='--images 100 --batch-size 50 --epochs 3'
  configurations=${CONFIGURATIONS:-4,1,1001-1002 9,1,1001}
fi

left() { echo $((end - $(date +%s))); }

# part SECONDS COMMAND...: at most so long, and never beyond the end; Ctrl-C first, as that is safe
part() {
  local most=$1 status
  shift
  [ "$most" -gt "$(left)" ] && most=$(left)
  [ "$most" -lt 1 ] && return 124
  echo "== $* (at most $most s)"
  timeout -s INT -k 10 "$most" "$@"
  status=$?
  echo "== exit code $status, $(left) s left: $*"
  return $status
}

# pack NAME FOLDER PATHS...: an archive of what lies in FOLDER, replaced whole in OUT
pack() {
  local name=$1 folder=$2
  shift 2
  (cd "$folder" && flock "$work/$name.lock" sh -c \
    'tar -czf "$0" "$@" && mv "$0" "$out/"' "$work/$name" "$@")
}

analyse() { part "$(left)" "$python" -m patchlaw analyse "$@" --out "$work/analyses" \
  --memory "$memory" --device "$device" | grep -v '^ *$'; }

of() { # P,d: the finished runs of a configuration
  ls -d "$work"/runs/P"${1%%,*}"_d"$(cut -d, -f2 <<<"$1")"_s* 2>/dev/null | grep -v '\.lock$'
}

records() { (cd "$work" && pack records.tar.gz . $(ls analyses/*.json landscapes/*.json 2>/dev/null)); }

train_one() {
  local depth
  IFS=, read -r patches depth seeds <<<"$1"
  part "$(left)" "$python" -m patchlaw train --patches "$patches" --depth "$depth" \
    --seeds "$seeds" --device "$device" --out "$work/runs" $size >"$work/$1.log" 2>&1
  tail -n 4 "$work/$1.log"
  mkdir -p "$work/thinned/d$depth"
  "$python" -m patchlaw thin $(of "$1") --out "$work/thinned/d$depth" &&
    pack "runs-d$depth.tar.gz" "$work/thinned" "d$depth"
  [[ $parts == *" minima "* ]] || return
  analyse $(of "$1") --stage misclassified --stage trajectory --stage hessian --stage gauss-newton
  records
}

blocks_one() {
  analyse $(of "$1") --stage 'gauss-newton blocks' --stage 'bias blocks' --stage traces
  records
}

landscapes_one() {
  part "$(left)" "$python" -m patchlaw landscape "$(of "$1" | head -n 1)" --device "$device" \
    --out "$work/landscapes" | tail -n 3
  records
}

whole_one() {
  analyse "$(of "$1" | head -n 1)"
  records
}

# lanes FUNCTION: of every configuration, LANES at a time
export -f left part pack analyse of records train_one blocks_one landscapes_one whole_one
lanes() { xargs -n 1 -P "${LANES:-3}" bash -c "$1 \"\$1\"" "$1" <<<"$(printf '%s\n' $configurations)"; }

part 60 "$python" - "$device" <<'CHECK' || exit 1
import importlib.util, sys
names = ("torch numpy scipy numba sklearn click rich msgspec safetensors filelock lazy_loader "
         "threadpoolctl pytest hypothesis")
if missing := [name for name in names.split() if importlib.util.find_spec(name) is None]:
    sys.exit(f"PYTHON: expected one with {', '.join(missing)} too, got {sys.executable}")
import torch
import patchlaw.verification.training.trainer, patchlaw.simulators.fast_engine.engine
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
    -k "8-rings or encodings or products or with_kernels or beyond_32" ||
    { echo "kernels: missing, wrong or late; plain torch from here on"; export PATCHLAW_KERNELS=plain; }
  part 150 "$python" -m pytest -q -x -p no:cacheprovider -p no:randomly \
    tests/simulators/test_recordings.py tests/verification/test_lockstep.py \
    tests/verification/test_cuda.py tests/simulators/test_torch_engine.py \
    -k "cuda or recorded or replica or lockstep"
  status=$?
  [ $status -ne 0 ] && [ $status -ne 124 ] && { echo "the numbers come first: stopped"; exit 1; }
fi

if [[ $parts == *" timings "* ]]; then
  part 180 "$python" -m benchmarks.run cuda_engine $tiny --device "$device" --out "$work"
  [ -f "$work/cuda_engine.json" ] && mv "$work/cuda_engine.json" "$out/"
fi

if [[ $parts == *" kernels "* ]]; then
  part 120 "$python" -m benchmarks.run cuda_kernels $tiny --device "$device" --out "$work"
  [ -f "$work/cuda_kernels.json" ] && cat "$work/cuda_kernels.json" # in the log: eight files at most
fi

if [[ $parts == *" peers "* ]]; then
  PATCHLAW_PEERS_PYTHON=${PATCHLAW_PEERS_PYTHON:-$(command -v "$python")} part 120 "$python" \
    -m benchmarks.run training_step_gpu_peers $tiny --device "$device" --out "$work"
  [ -f "$work/training_step_gpu_peers.json" ] && mv "$work/training_step_gpu_peers.json" "$out/"
fi

mkdir -p "$work/runs" "$work/analyses" "$work/landscapes"
[[ $parts == *" runs "* ]] && lanes train_one
[[ $parts == *" blocks "* ]] && lanes blocks_one
[[ $parts == *" landscapes "* ]] && lanes landscapes_one
[[ $parts == *" whole "* ]] && lanes whole_one
ls -l "$out"
