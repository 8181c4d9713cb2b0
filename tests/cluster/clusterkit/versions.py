"""Every version that is pinned for the cluster, and the names under which things are made. One place to bump."""

import os

KUBERNETES = "1.34.4"
KIND = "0.30.0"
HELM = "3.19.5"
# etcd, CoreDNS and pause are those that this Kubernetes' kubeadm asks for; `images.sh` fails when they drift apart.
ETCD = "3.6.5"
COREDNS = "1.12.1"
PAUSE = "3.10.1"
LOCAL_PATH = "0.0.30"
UV = "0.13.9"

GO_MINIMUM = (1, 21)  # from here on Go fetches, as a module, the newer toolchain that a go.mod asks for

NODE_SUITE = "bookworm"  # later systemd releases refuse cgroup v1, which a machine may still have
IMAGE_SUITE = "trixie"  # Python 3.13, the newest that the project supports
IMAGE_PYTHON = "3.13"
PUBLIC_NODE = "kindest/node:v1.34.0"  # the one that this kind release was made with
PUBLIC_BASE = f"python:{IMAGE_PYTHON}-slim"
PUBLIC_COMPILER = f"python:{IMAGE_PYTHON}"
PUBLIC_REDIS = "redis:7"
PRODUCT_IMAGE = "localhost/mm-rebuild"
KERNEL_IMAGE = "localhost/mm-rebuild-kernel"
REDIS_IMAGE = "localhost/mm-rebuild-redis:7"

CLUSTER_NAME = os.environ.get("MM_CLUSTER", "mm-rebuild")


def as_environment() -> dict[str, str]:
    """The pins as variables for the shell scripts."""
    return {
        "KUBERNETES_VERSION": KUBERNETES,
        "KIND_VERSION": KIND,
        "HELM_VERSION": HELM,
        "ETCD_VERSION": ETCD,
        "COREDNS_VERSION": COREDNS,
        "PAUSE_VERSION": PAUSE,
        "LOCAL_PATH_VERSION": LOCAL_PATH,
        "NODE_SUITE": NODE_SUITE,
        "IMAGE_SUITE": IMAGE_SUITE,
        "IMAGE_PYTHON": IMAGE_PYTHON,
        "REDIS_IMAGE_NAME": REDIS_IMAGE,
    }
