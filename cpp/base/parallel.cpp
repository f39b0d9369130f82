// One thread for each range; the caller takes the first range itself.
#include "base/parallel.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace trine {

void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t)>& body) {
    if (count == 0) return;
    const std::size_t grains = (count - 1) / grain + 1;
    const std::size_t parts = std::min(grains, static_cast<std::size_t>(std::max(threads, 1)));
    if (parts == 1) return body(0, count);
    std::vector<std::exception_ptr> failures(parts);
    const auto run = [&](std::size_t part) {
        try {
            const std::size_t begin = grains * part / parts * grain;
            const std::size_t end = std::min(count, grains * (part + 1) / parts * grain);
            body(begin, end);
        } catch (...) {
            failures[part] = std::current_exception();
        }
    };
    std::vector<std::thread> workers;
    workers.reserve(parts - 1);
    for (std::size_t part = 1; part < parts; ++part) {
        try {
            workers.emplace_back(run, part);
        } catch (const std::exception&) {  // no thread to be had: do its part here
            run(part);
        }
    }
    run(0);
    for (auto& worker : workers) worker.join();
    for (const auto& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace trine
