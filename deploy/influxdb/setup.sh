#!/bin/bash
# Run by compose's service influxdb-setup at each start: the rollups' buckets, and who may do what.
# What is there already stays as it is.
set -euo pipefail

export INFLUX_ORG=schoolpulse INFLUX_HOST=http://influxdb:8086 # and INFLUX_TOKEN, from .env

bucket_id() { influx bucket list --name "$1" --hide-headers 2> /dev/null | cut -f 1; }

make_bucket() { # name, retention, shards' length
    if [ -z "$(bucket_id "$1")" ]; then
        influx bucket create --name "$1" --retention "$2" --shard-group-duration "$3" > /dev/null
    fi
}

make_bucket schoolpulse_5m 17520h 720h
make_bucket schoolpulse_1h 87600h 4320h

write=() read=()
for name in schoolpulse schoolpulse_5m schoolpulse_1h; do
    id="$(bucket_id "$name")"
    # InfluxQL goes by database and policy: each bucket is a database with the policy autogen.
    if ! influx v1 dbrp list --db "$name" --hide-headers | grep -q autogen; then
        influx v1 dbrp create --bucket-id "$id" --db "$name" --rp autogen --default > /dev/null
    fi
    write+=(--write-bucket "$id" --read-bucket "$id")
    read+=(--read-bucket "$id")
done

if [ ! -s /tokens/collector ]; then
    influx auth create --description collector "${write[@]}" --hide-headers | cut -f 3 > /tokens/collector.new
    chmod 0444 /tokens/collector.new
    mv /tokens/collector.new /tokens/collector
fi
if ! influx v1 auth list --username grafana --hide-headers 2> /dev/null | grep -q grafana; then
    influx v1 auth create --username grafana --password "$GRAFANA_INFLUX_PASSWORD" "${read[@]}" > /dev/null
fi
