package database

import (
	"fmt"

	"github.com/berth-iac/berth/components/securitygroup"
)

// securityGroup lets the client's machines in on the database's port, and nothing out (DP-2).
func (b *builder) securityGroup() (err error) {
	b.db.SecurityGroupID, err = securitygroup.New(b.ctx, b.name, securitygroup.Args{
		Scope: b.Scope, Part: "database", What: "The database", Peer: fmt.Sprintf("The database on port %d", b.db.Port), Port: b.db.Port,
		VPCID: b.VPCID, ClientSecurityGroupID: b.ClientSecurityGroupID,
	}, b.parent)
	return err
}
