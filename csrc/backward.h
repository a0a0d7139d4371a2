/* The backward pass: an order of the operations, and each one's share to its inputs. */

typedef struct { Value **at; size_t count, room; } List;

static int push(List *list, Value *v) {
    if (UNLIKELY(list->count == list->room)) {
        size_t room = list->room ? 2 * list->room : 256;
        Value **at = PyMem_Realloc(list->at, room * sizeof *at);
        if (!at) { PyErr_NoMemory(); return 0; }
        list->at = at;
        list->room = room;
    }
    list->at[list->count++] = v;
    return 1;
}

/* A node with many inputs, and how many of them have been walked. */
typedef struct { Value *node; PyObject *inputs; Py_ssize_t next; } Unfinished;
typedef struct { Unfinished *at; size_t count, room; } Stack;

static Unfinished *unfinished(Stack *stack, Value *v) {
    if (stack->count && stack->at[stack->count - 1].node == v) return &stack->at[stack->count - 1];
    if (stack->count == stack->room) {
        size_t room = stack->room ? 2 * stack->room : 16;
        Unfinished *at = PyMem_Realloc(stack->at, room * sizeof *at);
        if (!at) { PyErr_NoMemory(); return NULL; }
        stack->at = at;
        stack->room = room;
    }
    PyObject *inputs = inputs_of(v);
    if (!inputs) return NULL;
    stack->at[stack->count] = (Unfinished){v, inputs, 0};
    return &stack->at[stack->count++];
}

/* A walk: its number, and a list for what leaves had before it, or NULL. */
typedef struct { unsigned long long mark; PyObject *noted; } Walk;

/* Note a leaf, unless it is a plain number, with its gradient and mark; its gradient becomes 0. */
static void note_leaf(Value *x, PyObject *noted) {
    if (x->kind == NUMBER) return;
    PyObject *mark = get_mark(x, NULL);
    PyObject *found = mark ? Py_BuildValue("OdN", x, x->grad, mark) : NULL;
    if (found && PyList_Append(noted, found) == 0) x->grad = 0.0;
    Py_XDECREF(found);
}

/* Whether the walk goes down to x now: an operation where it has not been. */
static inline int enters(Value *x, Walk walk) {
    if (x->mark == walk.mark) return 0;
    if (UNLIKELY(walk.noted != NULL) && is_leaf(x)) note_leaf(x, walk.noted);
    x->mark = walk.mark;
    return !is_leaf(x);
}

/* The next input of v to go down to; NULL if v is done, or with an error set. */
static inline Value *next_input(Value *v, Walk walk, Stack *stack) {
    switch (v->kind) {
    case ONE: case ONE_STATIC:
        return enters(v->a, walk) ? v->a : NULL;
    case TWO:
        if (enters(v->a, walk)) return v->a;
        return enters(v->b, walk) ? v->b : NULL;
    case THREE:
        if (enters(v->a, walk)) return v->a;
        if (enters(v->rest->b, walk)) return v->rest->b;
        return enters(v->rest->c, walk) ? v->rest->c : NULL;
    }
    Unfinished *u = unfinished(stack, v);
    if (!u) return NULL;
    for (Py_ssize_t count = PyTuple_Size(u->inputs); u->next < count;) {
        Value *x = (Value *)PyTuple_GetItem(u->inputs, u->next++);
        if (enters(x, walk)) return x;
    }
    stack->count--;
    Py_DECREF(u->inputs);
    return NULL;
}

static unsigned long long passes = 1; /* 1 is the mark of what was reached by hand */

/* The operations that root was computed from, inputs first, with their gradients set to 0. */
static int prepare(Value *root, List *order, PyObject *noted) {
    const Walk walk = {++passes, noted};
    List above = {0};
    Stack stack = {0};
    int well = 1;
    for (Value *v = enters(root, walk) ? root : NULL; v;) {
        Value *next = next_input(v, walk, &stack);
        if (next) {
            next->grad = 0.0;
            if (!(well = push(&above, v))) break;
            v = next;
        } else {
            if (!(well = !(v->kind == MANY && PyErr_Occurred()) && push(order, v))) break;
            v = above.count ? above.at[--above.count] : NULL;
        }
    }
    while (stack.count) Py_DECREF(stack.at[--stack.count].inputs);
    PyMem_Free(above.at);
    PyMem_Free(stack.at);
    return well && !(noted && PyErr_Occurred());
}

/* Adds a node's share to the gradients of its inputs; 0 if that is for Python to do. */
static inline int pull(Value *v) {
    const double g = v->grad, y = v->data;
    (void)y;
    switch (v->row) {
        PULLS
    default: return 0;
    }
    return 1;
}

static int pull_in_python(Value *v) {
    PyObject *done = PyObject_CallMethod((PyObject *)v, "_pull_watched", NULL);
    Py_XDECREF(done);
    return done != NULL;
}

/* The pass where Python runs meanwhile: its nodes are held, for they may lose their users. */
static int pull_held(List *order, int watched) {
    int well = 1;
    for (size_t i = 0; i < order->count; i++) Py_INCREF(OBJECT(order->at[i]));
    for (size_t i = order->count; i-- > 0 && well;) {
        Value *v = order->at[i];
        if (watched || !pull(v)) well = pull_in_python(v);
    }
    for (size_t i = 0; i < order->count; i++) Py_DECREF(OBJECT(order->at[i]));
    return well;
}

static PyObject *pass_back(Value *root, PyObject *noted) {
    if (owed && !pay()) return NULL;
    List order = {0};
    int well = prepare(root, &order, noted);
    if (well && is_leaf(root)) root->grad += 1.0;
    else if (well) {
        root->grad = 1.0;
        size_t left = order.count;
        if (!observed) while (left && pull(order.at[left - 1])) {
            left--;
            if (left > 8) PREFETCH(order.at[left - 8]);
        }
        order.count = left;
        if (left) well = pull_held(&order, observed);
    }
    feclearexcept(FE_ALL_EXCEPT);
    PyMem_Free(order.at);
    return well ? Py_NewRef(Py_None) : NULL;
}

static PyObject *node_backward(PyObject *self, PyObject *unused) {
    return pass_back((Value *)self, NULL);
}

/* backward_from(root, noted) */
static PyObject *function_backward_from(PyObject *module, PyObject *args) {
    PyObject *root, *noted;
    if (!PyArg_ParseTuple(args, "O!O!", value_type, &root, &PyList_Type, &noted)) return NULL;
    return pass_back((Value *)root, noted);
}
