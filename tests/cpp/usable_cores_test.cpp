#include "base/usable_cores.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/usable_memory.hpp"
#include "demucs_ort/model.hpp"

#ifdef __linux__
#include <sched.h>
#endif

using namespace demucs_ort;

TEST(UsableCores, AreThoseOfTheMachineAtMost) {
  EXPECT_GE(usable_cores(), 1U);
  EXPECT_LE(usable_cores(), std::thread::hardware_concurrency());
  EXPECT_EQ(Model::default_threads(), usable_cores());
}

#ifdef __linux__
namespace {

/// The files of a system, in a folder of the test's own.
class System : public testing::Test {
 protected:
  System() { std::filesystem::remove_all(root_); }
  ~System() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << '\n';
  }
  void siblings(unsigned processor, const std::string& list) const {
    write("sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list", list);
  }

  std::filesystem::path root_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("system_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

using UsableCoresOf = System;

}  // namespace

TEST_F(UsableCoresOf, AMaskOfOneProcessor) {
  cpu_set_t before{};
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one{};
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(Model::default_threads(), 1U);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_F(UsableCoresOf, ProcessorsThatShareCores) {
  for (const unsigned processor : {0U, 4U}) siblings(processor, "0,4");
  for (const unsigned processor : {1U, 5U}) siblings(processor, "1,5");
  EXPECT_EQ(physical_cores({0, 1, 4, 5}, root_), 2U);
  EXPECT_EQ(physical_cores({0, 4}, root_), 1U);
  EXPECT_EQ(physical_cores({0, 7}, root_), 2U);  // of 7 the system says nothing
}

TEST_F(UsableCoresOf, NoQuota) {
  EXPECT_EQ(quota(root_), 0U);
  write("proc/self/cgroup", "0::/app");
  write("sys/fs/cgroup/app/cpu.max", "max 100000");
  EXPECT_EQ(quota(root_), 0U);
  write("proc/self/cgroup", "3:cpu,cpuacct:/app\n2:memory:/other");
  write("sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(root_), 0U);
}

TEST_F(UsableCoresOf, TheSmallestQuotaOfTheGroupsAroundIt) {
  write("proc/self/cgroup", "0::/slice/app");
  write("sys/fs/cgroup/slice/cpu.max", "150000 100000");
  write("sys/fs/cgroup/slice/app/cpu.max", "400000 100000");
  EXPECT_EQ(quota(root_), 2U);
  write("sys/fs/cgroup/cpu.max", "20000 100000");  // a container sees its own group here
  EXPECT_EQ(quota(root_), 1U);
}

TEST_F(UsableCoresOf, TheQuotaOfTheFirstVersion) {
  write("proc/self/cgroup", "4:cpuset:/\n3:cpu,cpuacct:/docker/app\n0::/");
  write("sys/fs/cgroup/cpu/docker/app/cpu.cfs_quota_us", "300000");
  write("sys/fs/cgroup/cpu/docker/app/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(root_), 3U);
}

TEST_F(UsableCoresOf, TheSmallestMemoryOfTheGroupsAroundIt) {
  EXPECT_EQ(memory_limit(root_), INFINITY);
  write("proc/self/cgroup", "0::/slice/app");
  write("sys/fs/cgroup/slice/memory.max", "1000000");
  write("sys/fs/cgroup/slice/app/memory.max", "max");
  EXPECT_EQ(memory_limit(root_), 1e6);
  write("proc/self/cgroup", "4:memory:/docker/app\n3:cpu,cpuacct:/other");
  write("sys/fs/cgroup/memory/docker/app/memory.limit_in_bytes", "2000000");
  EXPECT_EQ(memory_limit(root_), 2e6);
}
#endif

TEST(UsableMemory, IsSomethingOnThisSystem) { EXPECT_GT(usable_memory(), 1U << 20U); }
