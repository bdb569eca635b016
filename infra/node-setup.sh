#!/bin/sh
# Make a machine that the Ray cluster launcher started ready: shared folder, driver, packages. Ubuntu 24.04.
#   infra/node-setup.sh EXTRA MOUNT_TYPE MOUNT_OPTIONS SOURCE
#   infra/node-setup.sh aws nfs4 nfsvers=4.1 fs-1234.efs.eu-central-1.amazonaws.com:/
# May run again on the same machine: what is there already is left as it is.
set -eu
EXTRA=$1 MOUNT_TYPE=$2 MOUNT_OPTIONS=$3 SOURCE=$4
# The driver that PyTorch's CUDA build of constraints.txt needs, or a newer one.
NVIDIA_DRIVER=${NVIDIA_DRIVER:-580}
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
umask 077
chmod 600 "$HOME/.ray/auth_token"
umask 022

# A machine that has just started updates its packages by itself: wait for it.
apt() { sudo -E apt-get -q -o DPkg::Lock::Timeout=600 "$@"; }
apt update
apt install -y python3 python3-venv nfs-common pciutils

sudo mkdir -p /runs
mountpoint -q /runs || sudo mount -t "$MOUNT_TYPE" -o "$MOUNT_OPTIONS" "$SOURCE" /runs
sudo chown "$(id -un)" /runs

TORCH_INDEX="--extra-index-url https://download.pytorch.org/whl/cpu"
if lspci | grep -qi nvidia; then
  TORCH_INDEX=
  if ! nvidia-smi > /dev/null 2>&1; then
    apt install -y ubuntu-drivers-common
    sudo ubuntu-drivers install --gpgpu "nvidia:$NVIDIA_DRIVER-server"
    apt install -y "nvidia-utils-$NVIDIA_DRIVER-server"
    sudo modprobe nvidia
  fi
  nvidia-smi > /dev/null || { echo "the GPU does not answer with driver $NVIDIA_DRIVER; set NVIDIA_DRIVER" >&2; exit 1; }
fi

test -x "$HOME/venv/bin/python" || python3 -m venv "$HOME/venv"
# $TORCH_INDEX holds two words or none.
# shellcheck disable=SC2086
"$HOME/venv/bin/python" -m pip install -q $TORCH_INDEX -c constraints.txt torch
"$HOME/venv/bin/python" -m pip install -q -c constraints.txt ".[all,$EXTRA]"
