package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/berth-iac/berth/tests/aws/emulator"
)

// One account serves all that is shown here, the way a stack's programs use it.
func TestServer(t *testing.T) {
	var mutex sync.Mutex
	var calls []emulator.Call
	const number = "111122223333"
	s := emulator.New(t, emulator.Options{Account: number, Watch: func(c emulator.Call) {
		mutex.Lock()
		defer mutex.Unlock()
		calls = append(calls, c)
	}})
	config := s.Config("eu-west-2")

	t.Run("the account is the one asked for", func(t *testing.T) {
		who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
		if err != nil || aws.ToString(who.Account) != number {
			t.Errorf("GetCallerIdentity = %+v, %v; want account %s", who, err, number)
		}
	})
	t.Run("a bucket is found before the host's name and in the path", func(t *testing.T) {
		const bucket = "some.bucket-of-1"
		host := s3.NewFromConfig(config)
		path := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
		if _, err := host.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-2"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := host.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("a/b c"),
			Body: strings.NewReader("text")}); err != nil {
			t.Fatal(err)
		}
		for style, client := range map[string]*s3.Client{"host": host, "path": path} {
			list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
			if err != nil || len(list.Contents) != 1 || aws.ToString(list.Contents[0].Key) != "a/b c" {
				t.Errorf("by %s: %+v, %v; want the one object", style, list, err)
			}
		}
	})
	t.Run("S3 Control's names resolve", func(t *testing.T) {
		client := s3control.NewFromConfig(config)
		want := true
		if _, err := client.PutPublicAccessBlock(t.Context(), &s3control.PutPublicAccessBlockInput{AccountId: aws.String(number),
			PublicAccessBlockConfiguration: block(want)}); err != nil {
			t.Fatal(err)
		}
		got, err := client.GetPublicAccessBlock(t.Context(), &s3control.GetPublicAccessBlockInput{AccountId: aws.String(number)})
		if err != nil || !aws.ToBool(got.PublicAccessBlockConfiguration.BlockPublicPolicy) {
			t.Errorf("GetPublicAccessBlock = %+v, %v; want what was put", got, err)
		}
	})
	t.Run("rules of one security group that come together all arrive", func(t *testing.T) {
		client := ec2.NewFromConfig(config)
		group, err := client.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("g")})
		if err != nil {
			t.Fatal(err)
		}
		const rules = 40
		var all sync.WaitGroup
		for port := range int32(rules) {
			all.Go(func() {
				_, err := client.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId,
					IpPermissions: []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1000 + port), ToPort: aws.Int32(1000 + port),
						IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := client.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*group.GroupId}})
		if err != nil || len(got.SecurityGroups[0].IpPermissions) != rules {
			t.Errorf("the group has %d rules (%v), want %d", len(got.SecurityGroups[0].IpPermissions), err, rules)
		}
	})
	t.Run("CloudWatch is spoken to in CBOR", func(t *testing.T) {
		client := cloudwatch.NewFromConfig(config)
		if _, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("a"), MetricName: aws.String("m"),
			Namespace: aws.String("n"), Period: aws.Int32(60), EvaluationPeriods: aws.Int32(2), Threshold: aws.Float64(-1.5), Statistic: "Sum",
			ComparisonOperator: "LessThanThreshold", AlarmActions: []string{"arn:aws:sns:eu-west-2:111122223333:t"}}); err != nil {
			t.Fatal(err)
		}
		got, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a"}})
		if err != nil || len(got.MetricAlarms) != 1 {
			t.Fatalf("DescribeAlarms = %+v, %v; want the alarm", got, err)
		}
		if a := got.MetricAlarms[0]; *a.Threshold != -1.5 || *a.EvaluationPeriods != 2 || len(a.AlarmActions) != 1 ||
			time.Since(*a.StateUpdatedTimestamp).Abs() > time.Hour {
			t.Errorf("the alarm came back as %+v", a)
		}
		if _, err := client.PutDashboard(t.Context(), &cloudwatch.PutDashboardInput{DashboardName: aws.String("d"), DashboardBody: aws.String(`{"widgets": []}`)}); err != nil {
			t.Fatal(err)
		}
		if all, err := client.ListDashboards(t.Context(), nil); err != nil || len(all.DashboardEntries) != 1 || all.DashboardEntries[0].LastModified == nil {
			t.Errorf("ListDashboards = %+v, %v; want the one", all, err)
		}
		var absent smithy.APIError
		_, err = client.GetDashboard(t.Context(), &cloudwatch.GetDashboardInput{DashboardName: aws.String("none")})
		if !errors.As(err, &absent) || absent.ErrorCode() != "ResourceNotFound" {
			t.Errorf("GetDashboard of none: %v, want the error's code", err)
		}
	})
	t.Run("calls can be watched", func(t *testing.T) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, want := range []emulator.Call{
			{Service: "sts", Action: "GetCallerIdentity", Region: "eu-west-2", Status: 200},
			{Service: "ec2", Action: "CreateSecurityGroup", Region: "eu-west-2", Status: 200},
		} {
			if !slices.Contains(calls, want) {
				t.Errorf("%+v is not among the calls", want)
			}
		}
	})
	t.Run("nothing leaves the machine", func(t *testing.T) {
		var proxy *url.URL
		for _, entry := range s.Environment() {
			if address, found := strings.CutPrefix(entry, "HTTP_PROXY="); found {
				var err error
				if proxy, err = url.Parse(address); err != nil {
					t.Fatal(err)
				}
			}
		}
		client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
		answer, err := client.Get("http://s3.eu-west-2.amazonaws.com/")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("a call to AWS itself = %s, want it refused", answer.Status)
		}
		if got := s.Refused(); !slices.Equal(got, []string{"s3.eu-west-2.amazonaws.com"}) {
			t.Errorf("refused = %q", got)
		}
	})
}

const childVariable = "BERTH_EMULATOR_CHILD"

// What a killed program had asked for is carried out, and it can be waited for.
func TestQuiet(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan struct{})
	s := emulator.New(t, emulator.Options{Account: "111122223333", Watch: func(c emulator.Call) {
		if c.Action == "CreateVpc" {
			close(asked)
			<-answered
		}
	}})
	client := ec2.NewFromConfig(s.Config("eu-west-2"))
	ctx, give := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.77.0.0/16")})
		gone <- err
	}()
	<-asked
	give()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v, want that it was given up", err)
	}
	expired, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if err := s.Quiet(expired); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Quiet = %v while a call is under way", err)
	}
	close(answered)
	if err := s.Quiet(t.Context()); err != nil {
		t.Error(err)
	}
	all, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("cidr"), Values: []string{"10.77.0.0/16"}}}})
	if err != nil || len(all.Vpcs) != 1 {
		t.Errorf("DescribeVpcs = %+v, %v; want the network that was asked for", all, err)
	}
}

// The server ends with the process that started it, even when that is killed.
func TestServerEndsWithItsProcess(t *testing.T) {
	if _, err := emulator.Find(); err != nil {
		t.Skipf("%s is skipped: %v", t.Name(), err)
	}
	if os.Getenv(childVariable) != "" {
		s, err := emulator.Start(context.Background(), emulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString("listening " + strings.Join(s.Environment(), " ") + "\n"); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsProcess$", "-test.timeout=2m")
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	if n, err := out.Read(buffer); err != nil || !strings.HasPrefix(string(buffer[:n]), "listening") {
		t.Fatalf("the child said %q, %v", buffer[:n], err)
	}
	servers := children(t, child.Process.Pid)
	if len(servers) != 1 {
		t.Fatalf("the child's processes are %v, want one server", servers)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	waitUntilGone(t, servers[0])
}

func block(on bool) *controltypes.PublicAccessBlockConfiguration {
	return &controltypes.PublicAccessBlockConfiguration{BlockPublicAcls: &on, BlockPublicPolicy: &on, IgnorePublicAcls: &on, RestrictPublicBuckets: &on}
}
