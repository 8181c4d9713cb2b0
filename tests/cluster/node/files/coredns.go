// CoreDNS for a node without a way out: the plugins that kubeadm's Corefile names, and in place of `forward` one that
// answers at once that a name does not exist. The real one would try a resolver that it cannot reach, for seconds and
// at full speed, for every name that a pod's search list makes up.
package main

import (
	"context"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	"github.com/miekg/dns"
)

type nowhere struct{}

func (nowhere) Name() string { return "forward" }

func (nowhere) ServeDNS(_ context.Context, writer dns.ResponseWriter, query *dns.Msg) (int, error) {
	answer := new(dns.Msg)
	answer.SetRcode(query, dns.RcodeNameError)
	return dns.RcodeSuccess, writer.WriteMsg(answer) // success: the answer has been written
}

// setup reads past the directive's arguments and block.
func setup(c *caddy.Controller) error {
	for c.Next() {
		c.RemainingArgs()
		for c.NextBlock() {
			c.RemainingArgs()
		}
	}
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler { return nowhere{} })
	return nil
}

func main() {
	plugin.Register("forward", setup)
	// the order in which a query passes the plugins
	dnsserver.Directives = []string{
		"reload", "ready", "health", "prometheus", "errors", "log",
		"loop", "cache", "loadbalance", "kubernetes", "forward",
	}
	coremain.Run()
}
