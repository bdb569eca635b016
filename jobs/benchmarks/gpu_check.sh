#!/usr/bin/env bash
# What a GPU has to show, in at most 8 minutes: the tests marked gpu, the demo, kernels and seconds of
# a matching step, a round of 2,352 locations. Nothing is downloaded and neither Ray nor MLflow is
# needed: everything runs in one process.
#
#   jobs/benchmarks/gpu_check.sh [FOLDER]     results and logs (default runs/gpu-check)
#
#   PYTHON=python3     with torch >= 2.11, numpy, scipy, pandas, pyarrow, scikit-learn, pytest
#   WHEELS=DIR         wheels of what else is missing (pydantic, pyyaml, typer, rich, psutil, safetensors)
#   DEVICE=cpu         the same without a GPU, to try the script
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${1:-runs/gpu-check} python=${PYTHON:-python3} device=${DEVICE:-cuda}
mkdir -p "$out" && out=$(cd "$out" && pwd)
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" STEMDIST_TEST_DATA=/nowhere

if [ -n "${WHEELS:-}" ]; then
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade \
    --target "$out/site" "$WHEELS"/*.whl || exit 2
  export PYTHONPATH="$out/site:$PYTHONPATH"
fi
"$python" - "$device" <<'PYTHON' || exit 2
import importlib.util, sys
names = ("torch", "numpy", "scipy", "pandas", "pyarrow", "sklearn", "pydantic", "yaml", "typer", "rich", "psutil", "safetensors")
missing = [name for name in names if importlib.util.find_spec(name) is None]
if missing:
    sys.exit(f"error: {', '.join(missing)} cannot be imported; put their wheels into a folder and name it: WHEELS=DIR")
import torch
if sys.argv[1] == "cuda" and not torch.cuda.is_available():
    sys.exit(f"error: torch {torch.__version__} finds no GPU; DEVICE=cpu tries the script without one")
card = torch.cuda.get_device_name() if sys.argv[1] == "cuda" else "no GPU"
print(f"{card}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
PYTHON

failed=0
step() { # NAME SECONDS COMMAND...: its output is shown and kept, a failure is said at the end
  local name=$1 limit=$2 begun=$SECONDS
  shift 2
  echo "== $name"
  if timeout "$limit" "$@" 2>&1 | tee "$out/$name.log"; then
    echo "== $name: $((SECONDS - begun)) s"
  else
    echo "== $name: FAILED after $((SECONDS - begun)) s (limit $limit s)"
    failed=1
  fi
}

gpus=$([ "$device" = cuda ] && echo 1 || echo 0)
serial=(--workers 0 --set "worker.num_gpus=$gpus" --set tracking.enabled=false)
stemdist=("$python" -m stemdist_ray.cli)
# No settings of pytest.ini: the plugins that they name may be missing.
if "$python" -c 'import pytest' 2>/dev/null; then
  step tests 150 "$python" -m pytest -q -c /dev/null --rootdir . -p no:cacheprovider \
    --import-mode=importlib -m gpu -W ignore tests/integration/test_gpu.py
else
  echo "== tests: left out, pytest is not installed"
fi
step step 60 "$python" jobs/benchmark.py step --device "$device" --windows 42 --windows 400 --json "$out/step.json"
step step-gradient 60 "$python" jobs/benchmark.py step --device "$device" --set matching.objective=gradient \
  --json "$out/step-gradient.json"
step demo 90 "${stemdist[@]}" distill demo --preset demo --out "$out/demo" --overwrite "${serial[@]}"
step demo-evaluate 90 "${stemdist[@]}" evaluate "$out/demo" demo "${serial[@]}"
step demo-train 60 "${stemdist[@]}" train demo --distilled "$out/demo" --out "$out/trained" --overwrite "${serial[@]}"
step round 150 "${stemdist[@]}" distill "sim:traffic?locations=2352,steps=2000" --preset standard \
  --out "$out/round" --overwrite "${serial[@]}" --set rounds=1 --set num_shards=4 \
  --set spatial_ratio=0.1 --set temporal_ratio=0.05
echo "== all: $SECONDS s, $([ "$failed" = 0 ] && echo "nothing failed" || echo "something FAILED")"
exit "$failed"
