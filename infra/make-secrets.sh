#!/bin/sh
# Make the secrets of infra/compose.yaml in infra/secrets/; those that exist are kept.
#   infra/make-secrets.sh && . infra/secrets/env
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
chmod 700 secrets
for name in ray_token postgres_password mlflow_admin_password mlflow_jobs_password mlflow_secret_key grafana_password; do
  if [ ! -s "secrets/$name" ]; then
    python3 -c 'import secrets; print(secrets.token_hex(32), end="")' > "secrets/$name"
  fi
  # Containers read them as another user; the folder keeps everyone else out.
  chmod 644 "secrets/$name"
done
cat > secrets/env <<ENV
export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN=$(cat secrets/ray_token)
export MLFLOW_JOBS_PASSWORD=$(cat secrets/mlflow_jobs_password)
export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
export MLFLOW_TRACKING_USERNAME=jobs
export MLFLOW_TRACKING_PASSWORD=$(cat secrets/mlflow_jobs_password)
ENV
chmod 600 secrets/env
echo "made infra/secrets; now: . infra/secrets/env"
