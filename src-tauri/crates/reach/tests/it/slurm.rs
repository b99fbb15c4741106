//! Slurm's `srun` as the command to a host, on a cluster of one node that the test starts.

use std::path::Path;

use miyabi_reach::{Part, Way};

use crate::programs::{self, Started, run};
use crate::stage::{Setup, Stage, all_of, children, echo, eventually, free_port, skip};

/// A controller, a node and what they trust each other by. Ended in this order.
struct Cluster {
    _node: Started,
    _controller: Started,
    _munge: Started,
}

fn start_cluster(stage: &Stage) -> Cluster {
    let here = stage.text("slurm");
    for folder in ["munge", "spool", "state"] {
        std::fs::create_dir_all(stage.path("slurm").join(folder)).expect("folder");
    }
    run(
        &[
            "sh",
            "-c",
            "umask 077; head -c 128 /dev/urandom > \"$1/munge/key\"; chmod 700 \"$1/munge\"",
            "sh",
            &here,
        ],
        &[],
    );
    let name = run(&["hostname", "-s"], &[]);
    stage.write("slurm/slurm.conf", &configuration(&here, name.trim()));
    let munged = format!(
        "exec munged -F --force --key-file={here}/munge/key --socket={here}/munge/s --pid-file={here}/munge/pid --seed-file={here}/munge/seed --log-file={here}/munge/log"
    );
    let configuration = format!("{here}/slurm.conf");
    let environment = [("SLURM_CONF", configuration.as_str())];
    Cluster {
        _munge: programs::start(&["sh", "-c", &munged], &[], "work threads"),
        _controller: programs::start(&["slurmctld", "-D", "-i"], &environment, "slurmctld"),
        _node: programs::start(&["slurmd", "-D", "-N", name.trim()], &environment, "slurmd"),
    }
}

fn configuration(here: &str, name: &str) -> String {
    let (controller, node) = (free_port(), free_port());
    format!(
        "ClusterName=miyabi\nSlurmctldHost={name}(127.0.0.1)\nSlurmUser=root\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
         AuthType=auth/munge\nAuthInfo=socket={here}/munge/s\nStateSaveLocation={here}/state\nSlurmdSpoolDir={here}/spool\n\
         SlurmctldPidFile={here}/controller.pid\nSlurmdPidFile={here}/node.pid\nSlurmctldDebug=info\nProctrackType=proctrack/linuxproc\n\
         TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\nReturnToService=2\nMpiDefault=none\n\
         NodeName={name} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN\n\
         PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    )
}

#[tokio::test]
async fn a_node_of_a_cluster_by_srun() {
    for program in ["/usr/bin/srun", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"] {
        if !Path::new(program).exists() {
            return skip(&format!("{program} is missing (packages slurm-wlm and munge)"));
        }
    }
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    let _cluster = start_cluster(&stage);
    let file = stage.text("slurm/slurm.conf");
    eventually("the node is ready", || {
        programs::succeeds(&[
            "env",
            &format!("SLURM_CONF={file}"),
            "sh",
            "-c",
            "sinfo --noheader --format=%t | grep -qx idle",
        ])
    })
    .await;
    let configuration = format!("SLURM_CONF={}", stage.text("slurm/slurm.conf"));
    let home = format!("HOME={}", stage.text("home"));
    // By default srun holds back what is no whole line.
    let argv = ["env", &configuration, &home, "srun", "--quiet", "--unbuffered", "--ntasks=1"]
        .map(str::to_owned)
        .to_vec();
    let reach = stage.reach_by(Way::Command { argv }, &[]);

    let mut spoken = miyabi_reach::start_in(&reach, Part::Serve, &stage.environment).await.expect("reached");
    assert!(
        spoken.helper.is_new && spoken.helper.path.starts_with(&stage.text("home")),
        "{:?}",
        spoken.helper
    );
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    echo(&mut spoken, &every_byte).await;
    echo(&mut spoken, &[b'\n'; 20_000]).await;
    let jobs = || run(&["squeue", "--noheader"], &[("SLURM_CONF", &stage.text("slurm/slurm.conf"))]);
    assert!(!jobs().trim().is_empty());
    drop(spoken);
    eventually("the job ends with the connection", || jobs().trim().is_empty()).await;

    let again = miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect("reached");
    assert!(!again.helper.is_new);
    assert!(all_of(again).await.starts_with("home "));
    eventually("nothing is left in the cluster", || {
        jobs().trim().is_empty() && !children().contains(&"srun".to_owned())
    })
    .await;
}
