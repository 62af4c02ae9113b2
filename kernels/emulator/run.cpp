// Runs calls of the kernels' C functions on the host: what tests drive.
//
// In, on standard input, until its end: calls. A call is the function's name, without `patdsl_`, in 32 bytes; the number
// of buffers and of fields; for each buffer its bytes, its misalignment in bytes, and its content; for each field 0 and
// its value, or, for an address in a buffer, 1 more than how far into it, and the buffer's number (-1: null). All
// numbers are 8 bytes, of this machine.
// Out: the call's result, then every buffer. Each buffer is an allocation of its exact size, so that a sanitizer sees
// an access outside it.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Function = int (*)(const void*);

// Among the program's own symbols, which it is linked to export: a new function needs no line here.
Function find(const char* name) {
  void* const found = dlsym(RTLD_DEFAULT, (std::string("patdsl_") + name).c_str());
  if (found) return reinterpret_cast<Function>(found);
  std::fprintf(stderr, "run: there is no function patdsl_%s\n", name);
  std::exit(2);
}

bool read_bytes(void* to, std::size_t bytes) { return std::fread(to, 1, bytes, stdin) == bytes; }

void write_bytes(const void* from, std::size_t bytes) {
  if (std::fwrite(from, 1, bytes, stdout) != bytes) std::exit(2);
}

std::int64_t read_number() {
  std::int64_t value;
  if (!read_bytes(&value, sizeof value)) {
    std::fprintf(stderr, "run: the input ends inside a call\n");
    std::exit(2);
  }
  return value;
}

struct Buffer {
  unsigned char* memory;
  std::int64_t bytes, misalignment;
};

}  // namespace

int main() {
  char name[32];
  while (read_bytes(name, sizeof name)) {
    name[sizeof name - 1] = 0;
    const Function function = find(name);
    std::vector<Buffer> buffers(read_number());
    std::vector<std::int64_t> fields(read_number());
    for (Buffer& buffer : buffers) {
      buffer.bytes = read_number();
      buffer.misalignment = read_number();
      buffer.memory = static_cast<unsigned char*>(std::malloc(buffer.bytes + buffer.misalignment));
      if (!read_bytes(buffer.memory + buffer.misalignment, buffer.bytes)) return 2;
    }
    for (std::int64_t& field : fields) {
      const std::int64_t address = read_number();
      field = read_number();
      if (address == 0) continue;
      const Buffer* buffer = field < 0 ? nullptr : &buffers[field];
      field = buffer ? reinterpret_cast<std::int64_t>(buffer->memory + buffer->misalignment + address - 1) : 0;
    }
    const std::int64_t result = function(fields.data());
    write_bytes(&result, sizeof result);
    for (const Buffer& buffer : buffers) {
      write_bytes(buffer.memory + buffer.misalignment, buffer.bytes);
      std::free(buffer.memory);
    }
    std::fflush(stdout);
  }
  return 0;
}
