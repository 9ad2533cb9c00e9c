#!/usr/bin/env bash
# ResNet-20 into ResNet-32, both trained by others: MODELSTITCH_DATA holds data/cifar10-jpeg and weights.
set -euo pipefail
: "${MODELSTITCH_DATA:?set it to the folder that holds data/cifar10-jpeg and weights}"
cd "$(dirname "$0")/.."
modelstitch compare examples.cifar_resnet:resnet20 examples.cifar_resnet:resnet32 \
    --sender-weights "$MODELSTITCH_DATA/weights/resnet20-12fca82f.th" \
    --receiver-weights "$MODELSTITCH_DATA/weights/resnet32-d509ac18.th" \
    --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 \
    --data "$MODELSTITCH_DATA/data/cifar10-jpeg" --limit 2000 \
    --sender-cuts layer1.2,layer2.2,layer3.2 \
    --receiver-cuts layer1.4,layer2.4,layer3.4 \
    --controls random-sender \
    "$@"
