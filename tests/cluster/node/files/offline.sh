#!/bin/bash
# Runs in the node before anything else does. The node may talk to the container network that it is on, and to pods;
# nothing else leaves it. Until kube-proxy has written its rules, a pod's packet to a service address would otherwise
# follow the default route out of the machine.
set -euo pipefail
device=eth0
pods=10.244.0.0/15 # holds the pod range of clusterkit/kind.py

own4=$(ip -4 -o route show dev $device scope link proto kernel | awk 'NR == 1 {print $1}')
own6=$(ip -6 -o route show dev $device proto kernel | awk '{print $1}')

# a name that the cluster does not know must not be asked of the machine's resolver, which may ask the world
iptables -A FORWARD -o $device -d "$own4" -p udp --dport 53 -j REJECT
iptables -A FORWARD -o $device -d "$own4" -p tcp --dport 53 -j REJECT

for chain in OUTPUT FORWARD; do
  for range in "$own4" "$pods"; do
    iptables -A $chain -o $device -d "$range" -j ACCEPT
  done
  iptables -A $chain -o $device -j REJECT
  for range in $own6 ff00::/8; do
    ip6tables -A $chain -o $device -d "$range" -j ACCEPT
  done
  ip6tables -A $chain -o $device -j REJECT
done
