#include "rows_launch.h"

template int patdsl::launch_rows<patdsl::Bf16, patdsl::Family::kGatedNorm>(const PatdslRowsCall&);
