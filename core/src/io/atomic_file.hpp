// Writing a file so that a crash, a full disk or an error leaves either the old file whole or the new one, never a
// mixture.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tapegrad::io {

/// Writes the chunks one after another to a temporary file in the same directory, flushes it to the disk and renames it
/// over `path`. An existing file's permissions are kept, its group and owner where this process may give files away,
/// and nothing is left to a group that is another. On any error an IoError "[writer] path: step: reason" is thrown, and
/// the old file stays as it was, without a temporary one beside it; only if the last step fails, in which the directory
/// is flushed to the disk, is the new file there already, and the error says so. Two writers of one path do not disturb
/// each other: the last rename wins. Links are followed; directories, devices, pipes and files that may not be written
/// are left alone.
void write_file_atomically(std::string_view writer, const std::string& path,
                           std::span<const std::span<const std::byte>> chunks);

}  // namespace tapegrad::io
