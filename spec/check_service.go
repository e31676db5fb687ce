package spec

import (
	"fmt"
	"strings"
)

// emptySHA256 is the checksum of no bytes at all: of a download that failed.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (c *clientCheck) service() {
	s := c.Service
	c.machine("service.instanceType", s.InstanceType, serviceMachines, choose(c.Tier == Dedicated, "m6i.xlarge", "t3.medium"))
	if id := strings.TrimPrefix(s.ImageID, "ami-"); id != "" && strings.Trim(id, "0") == "" {
		c.add("service.imageId", show(s.ImageID), "a real image", "look up the newest Amazon Linux 2023 image for x86_64 in "+c.AWS.Region)
	}
	if c.sound("service.minMachines", "service.maxMachines") && s.MaxMachines < s.MinMachines {
		c.add("service.maxMachines", show(s.MaxMachines), fmt.Sprintf("at least service.minMachines, %d", s.MinMachines), "raise it, or lower minMachines")
	}
	if c.strict("AV-2") && c.sound("aws.zones", "service.minMachines") && s.MinMachines < c.AWS.Zones {
		c.add("service.minMachines", show(s.MinMachines), fmt.Sprintf("at least one machine in each of the %d zones in production (AV-2)", c.AWS.Zones),
			fmt.Sprintf("set it to %d or more, or leave it out", c.AWS.Zones))
	}
	c.release()
}

func (c *clientCheck) release() {
	r := c.Service.Release
	switch {
	case r.SHA256 == emptySHA256:
		c.add("service.release.sha256", show(r.SHA256), "the checksum of the artefact, not of an empty file", "run sha256sum on the whole artefact")
	case r.SHA256 != "" && strings.Trim(r.SHA256, r.SHA256[:1]) == "":
		c.add("service.release.sha256", show(r.SHA256), "the checksum of the artefact", "run sha256sum on it")
	}
	const path, fix = "service.release.bucket", "write the name of the organisation's release bucket"
	switch {
	case strings.HasPrefix(r.Bucket, "xn--"):
		c.add(path, show(r.Bucket), "a bucket name that does not begin with xn--", fix)
	case strings.HasPrefix(r.Bucket, "sthree-"), strings.HasPrefix(r.Bucket, "amzn-s3-demo-"):
		c.add(path, show(r.Bucket), "a bucket name without a beginning that AWS reserves", fix)
	case strings.HasSuffix(r.Bucket, "-s3alias"), strings.HasSuffix(r.Bucket, "--ol-s3"), strings.HasSuffix(r.Bucket, "--x-s3"):
		c.add(path, show(r.Bucket), "a bucket, not an alias or an access point", fix)
	}
}
