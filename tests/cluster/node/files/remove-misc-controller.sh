remove_misc_controller() {
  # Ours, in place of kind's: systemd is offered only those cgroup v1 controllers that are mounted here, since it would
  # mount the others for the whole machine.
  awk 'NR == 1 || $2 != 0' /proc/cgroups >/kind/fake-cgroups
  mount --bind /kind/fake-cgroups /proc/cgroups
}
