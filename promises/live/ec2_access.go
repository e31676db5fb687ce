package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Ways to reach into machines that run, and the record of what passes in the network.

// keyPairs are what somebody could sign in to machines with. The API has one page.
func (a *account) keyPairs(ctx context.Context, region string) ([]ec2types.KeyPairInfo, error) {
	return once(a, []string{"ec2", "key pairs", region}, func() ([]ec2types.KeyPairInfo, error) {
		out, err := a.ec2(region).DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{})
		if err != nil {
			return nil, err
		}
		return out.KeyPairs, nil
	})
}

// serialConsole tells whether people can be let in to machines' serial consoles.
func (a *account) serialConsole(ctx context.Context, region string) (bool, error) {
	return once(a, []string{"ec2", "serial console", region}, func() (bool, error) {
		out, err := a.ec2(region).GetSerialConsoleAccessStatus(ctx, &ec2.GetSerialConsoleAccessStatusInput{})
		if err != nil {
			return false, err
		}
		return aws.ToBool(out.SerialConsoleAccessEnabled), nil
	})
}

func (a *account) connectEndpoints(ctx context.Context, region string) ([]ec2types.Ec2InstanceConnectEndpoint, error) {
	return once(a, []string{"ec2", "instance connect endpoints", region}, func() ([]ec2types.Ec2InstanceConnectEndpoint, error) {
		p := ec2.NewDescribeInstanceConnectEndpointsPaginator(a.ec2(region), &ec2.DescribeInstanceConnectEndpointsInput{})
		return paged(ctx, p, func(o *ec2.DescribeInstanceConnectEndpointsOutput) []ec2types.Ec2InstanceConnectEndpoint {
			return o.InstanceConnectEndpoints
		})
	})
}

func (a *account) clientVPNs(ctx context.Context, region string) ([]ec2types.ClientVpnEndpoint, error) {
	return once(a, []string{"ec2", "client VPN endpoints", region}, func() ([]ec2types.ClientVpnEndpoint, error) {
		p := ec2.NewDescribeClientVpnEndpointsPaginator(a.ec2(region), &ec2.DescribeClientVpnEndpointsInput{})
		return paged(ctx, p, func(o *ec2.DescribeClientVpnEndpointsOutput) []ec2types.ClientVpnEndpoint {
			return o.ClientVpnEndpoints
		})
	})
}

func (a *account) flowLogs(ctx context.Context, region string) ([]ec2types.FlowLog, error) {
	return once(a, []string{"ec2", "flow logs", region}, func() ([]ec2types.FlowLog, error) {
		p := ec2.NewDescribeFlowLogsPaginator(a.ec2(region), &ec2.DescribeFlowLogsInput{})
		return paged(ctx, p, func(o *ec2.DescribeFlowLogsOutput) []ec2types.FlowLog { return o.FlowLogs })
	})
}

// agents are the machines that Systems Manager knows: it can open a session on each.
func (a *account) agents(ctx context.Context, region string) ([]ssmtypes.InstanceInformation, error) {
	return once(a, []string{"ssm", "managed machines", region}, func() ([]ssmtypes.InstanceInformation, error) {
		p := ssm.NewDescribeInstanceInformationPaginator(ssm.NewFromConfig(a.config(region)), &ssm.DescribeInstanceInformationInput{})
		return paged(ctx, p, func(o *ssm.DescribeInstanceInformationOutput) []ssmtypes.InstanceInformation {
			return o.InstanceInformationList
		})
	})
}

// liveSessions are the sessions that people have open on machines.
func (a *account) liveSessions(ctx context.Context, region string) ([]ssmtypes.Session, error) {
	return once(a, []string{"ssm", "open sessions", region}, func() ([]ssmtypes.Session, error) {
		p := ssm.NewDescribeSessionsPaginator(ssm.NewFromConfig(a.config(region)), &ssm.DescribeSessionsInput{State: ssmtypes.SessionStateActive})
		return paged(ctx, p, func(o *ssm.DescribeSessionsOutput) []ssmtypes.Session { return o.Sessions })
	})
}

// hostManagementSetting holds the role that Systems Manager gives to machines which have none for it.
const hostManagementSetting = "/ssm/managed-instance/default-ec2-instance-management-role"

// hostManagement is that role; empty: Systems Manager takes no machine over by itself.
func (a *account) hostManagement(ctx context.Context, region string) (string, error) {
	return once(a, []string{"ssm", "default host management", region}, func() (string, error) {
		out, err := ssm.NewFromConfig(a.config(region)).GetServiceSetting(ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(hostManagementSetting)})
		if err != nil || out.ServiceSetting == nil {
			return "", err
		}
		if value := aws.ToString(out.ServiceSetting.SettingValue); value != "$None" {
			return value, nil
		}
		return "", nil
	})
}
